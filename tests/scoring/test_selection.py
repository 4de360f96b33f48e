from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.documents import Check, Policy
from controller.scoring.selection import Selection, is_glob, select, selects


def check(check_id: str = "linux-ssh-root", **fields: object) -> Check:
    return Check.model_validate(
        {
            "id": check_id,
            "title": "t",
            "category": "firewall",
            "severity": "low",
            "cis_level": "level_1",
            "platforms": ["linux"],
            "description": "d",
            "query": "SELECT 1",
            "comparison_operator": "exists",
            **fields,
        }
    )


def policy(**fields: object) -> Policy:
    return Policy.model_validate(
        {"id": "p", "name": "P", "cis_level": "level_1", "target_os": "all", **fields}
    )


@pytest.mark.parametrize(
    ("policy_fields", "check_fields", "selected"),
    [
        pytest.param({}, {}, True, id="no lists select everything that fits"),
        pytest.param({"cis_level": "level_2"}, {}, True, id="level 2 includes level 1"),
        pytest.param({}, {"cis_level": "level_2"}, False, id="level 1 leaves level 2 out"),
        pytest.param({"target_os": "linux"}, {}, True, id="the one platform fits"),
        pytest.param({"target_os": "windows"}, {}, False, id="a foreign platform does not fit"),
        pytest.param(
            {"target_os": "darwin"},
            {"platforms": ["linux", "darwin"]},
            True,
            id="one common platform is enough",
        ),
        pytest.param({"include_checks": ["linux-ssh-root"]}, {}, True, id="included by id"),
        pytest.param({"include_checks": ["linux-*"]}, {}, True, id="included by glob"),
        pytest.param({"include_checks": ["linux-ssh"]}, {}, False, id="an id is not a prefix"),
        pytest.param({"include_checks": ["mac-*", "linux-ssh-*"]}, {}, True, id="any pattern"),
        pytest.param({"exclude_checks": ["*-root"]}, {}, False, id="excluded by glob"),
        pytest.param(
            {"include_checks": ["linux-*"], "exclude_checks": ["linux-ssh-root"]},
            {},
            False,
            id="exclusion wins over inclusion",
        ),
        pytest.param(
            {"include_checks": ["linux-ssh-root"], "target_os": "windows"},
            {},
            False,
            id="inclusion only narrows",
        ),
        pytest.param({"include_checks": ["linux-[!a-r]sh-root"]}, {}, True, id="negated class"),
        pytest.param({"include_checks": ["linux-["]}, {}, False, id="an open class is literal"),
    ],
)
def test_a_policy_selects_a_check(policy_fields, check_fields, selected):
    assert selects(policy(**policy_fields), check(**check_fields)) is selected


def test_selection_is_sorted_and_holds_ids_once():
    checks = [check("b"), check("a"), check("c", cis_level="level_2")]

    assert select(policy(), checks) == ("a", "b")


@given(st.permutations(["linux-a", "linux-b", "mac-a", "x"]), st.sampled_from(["*", "linux-*"]))
def test_the_order_of_the_base_set_does_not_matter(ids, pattern):
    chosen = select(policy(include_checks=[pattern]), [check(i) for i in ids])

    assert chosen == tuple(sorted(chosen))
    assert set(chosen) <= set(ids)


@given(st.text("ab*?[]!-", min_size=1, max_size=100), st.text("ab-", max_size=100))
def test_no_glob_hangs_or_raises(pattern, check_id):
    selects(policy(include_checks=[pattern]), check(f"a{check_id}"[:100]))


def test_many_stars_take_no_exponential_time():
    assert not selects(policy(include_checks=["*a" * 50]), check("a" * 49 + "b"))


def test_a_bracket_is_a_glob_and_a_dash_is_not():
    assert [is_glob(p) for p in ("a-b", "a*", "a?", "[a]")] == [False, True, True, True]


IDS = [
    f"{platform}-{name}" for platform in ("linux", "mac", "win") for name in ("a", "b", "c-root")
]
PATTERNS = st.lists(st.sampled_from([*IDS, "linux-*", "*-root", "?inux-a", "nobody"]), max_size=3)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(IDS),
            st.sampled_from(["level_1", "level_2"]),
            st.sampled_from([["linux"], ["windows"], ["linux", "darwin"]]),
        ),
        unique_by=lambda each: each[0],
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["level_1", "level_2"]),
            st.sampled_from(["all", "linux", "windows", "darwin"]),
            PATTERNS,
            PATTERNS,
        ),
        max_size=4,
    ),
)
def test_an_indexed_selection_equals_looking_at_every_check(base, wanted):
    checks = [check(id_, cis_level=level, platforms=platforms) for id_, level, platforms in base]
    indexed = Selection(checks)

    for level, os, include, exclude in wanted:
        asking = policy(
            cis_level=level, target_os=os, include_checks=include, exclude_checks=exclude
        )
        assert indexed.select(asking) == select(asking, checks)
