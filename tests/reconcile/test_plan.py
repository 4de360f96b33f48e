from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.configuration import Configuration
from controller.model.documents import RepositorySettings
from controller.model.plan import FieldChange, Operation, Plan
from controller.reconcile.plan import foreign, plan, shifted
from tests.reconcile.documents import AS_OF, applied, check, configuration, managed, policy, waiver

Documents = tuple[Any, ...]


def planned(before: Configuration, after: Configuration, **given: Any) -> Plan:
    return plan(managed(before), after, source="default", as_of=AS_OF, **given)


def only(before: Configuration, after: Configuration) -> Operation:
    (operation,) = planned(before, after).operations
    return operation


def test_a_new_document_is_added_with_the_fields_it_gives() -> None:
    operation = only(configuration(), configuration(policy(passing_score_threshold=90)))
    assert (operation.op, operation.kind, operation.id) == ("add", "policy", "p")
    assert FieldChange("passing_score_threshold", None, 90) in operation.fields
    assert "id" not in {change.field for change in operation.fields}
    assert "enabled" not in {change.field for change in operation.fields}


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (policy(), policy(enabled=False), [FieldChange("enabled", True, False)]),
        (
            policy(severity_overrides={"a": "low", "b": "low"}),
            policy(severity_overrides={"b": "high", "d": "low"}),
            [
                FieldChange("severity_overrides.a", "low", None),
                FieldChange("severity_overrides.b", "low", "high"),
                FieldChange("severity_overrides.d", None, "low"),
            ],
        ),
        (
            waiver(),
            waiver(expires_at="2027-01-31"),
            [FieldChange("expires_at", "2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z")],
        ),
        (
            check(remediation={"steps": ["a"], "command": "x"}),
            check(remediation={"steps": ["a", "b"], "command": "x"}),
            [FieldChange("remediation.steps", ["a"], ["a", "b"])],
        ),
    ],
)
def test_a_changed_document_tells_its_differing_fields(
    before: Any, after: Any, fields: list[FieldChange]
) -> None:
    operation = only(configuration(before), configuration(after))
    assert operation.op == "change"
    assert list(operation.fields) == fields


def test_spelling_a_number_or_a_default_differently_is_no_change() -> None:
    before = configuration(policy(), check(remediation={}))
    after = configuration(policy(passing_score_threshold=80.0, enabled=True), check())
    assert not planned(before, after)


def test_the_same_id_in_another_file_is_a_move() -> None:
    operation = only(
        configuration(policy()), configuration(policy(), paths={"p": "policies/x.yaml"})
    )
    assert (operation.op, operation.previous_path) == ("move", "policies/p.yaml")
    assert operation.place.path == "policies/x.yaml"
    assert operation.fields == ()


def test_a_moved_and_edited_document_is_a_change_that_says_where_it_was() -> None:
    after = configuration(policy(enabled=False), paths={"p": "policies/x.yaml"})
    operation = only(configuration(policy()), after)
    assert (operation.op, operation.previous_path) == ("change", "policies/p.yaml")


def test_another_line_is_no_operation_but_a_shifted_place() -> None:
    before, after = configuration(policy()), configuration(policy(), lines={"p": 7})
    assert not planned(before, after)
    assert {key: place.line for key, place in shifted(managed(before), after).items()} == {
        ("policy", "p"): 7
    }


@pytest.mark.parametrize("manager", ["api:ada", "builtin"])
def test_declaring_what_git_does_not_manage_adopts_it_with_its_differences(manager: str) -> None:
    current = managed(configuration(policy(enabled=False)), manager)
    result = plan(current, configuration(policy()), source="default", as_of=AS_OF)
    (operation,) = result.operations
    assert operation.op == "adopt"
    assert operation.fields == (FieldChange("enabled", False, True),)


def test_what_others_manage_is_never_deleted() -> None:
    current = managed(configuration(policy("a")), "api:ada") | managed(
        configuration(policy("b")), "git:other"
    )
    assert not plan(current, configuration(), source="default", as_of=AS_OF)


def test_a_second_source_declaring_the_same_id_is_a_problem_with_both_places() -> None:
    current = managed(configuration(policy()), "git:other")
    (problem,) = foreign(current, configuration(policy()), source="default")
    assert problem.path == "policies/p.yaml"
    assert "'other'" in problem.message
    assert "policies/p.yaml:1" in problem.message


def test_a_deletion_says_where_it_was_and_whether_it_is_protected_or_expired() -> None:
    before = configuration(
        policy("core", protect=True), waiver("old", expires_at="2026-05-01"), waiver("new")
    )
    by_id = {each.id: each for each in planned(before, configuration()).operations}
    assert by_id["core"].protected
    assert by_id["old"].expired
    assert not by_id["new"].expired
    assert by_id["new"].place.path == "exceptions/new.yaml"
    assert by_id["new"].document is None


def test_a_renamed_file_without_an_id_is_pointed_at() -> None:
    before = configuration(policy("laptops", name="Same"))
    after = configuration(policy("notebooks", name="Same"))
    hints = {each.op: each.hint for each in planned(before, after).operations}
    assert "policies/notebooks.yaml" in hints["delete"]
    assert "id: laptops" in hints["delete"]
    assert hints["add"] == ""


def test_two_different_documents_are_not_taken_for_a_rename() -> None:
    result = planned(configuration(policy("a")), configuration(policy("b")))
    assert [each.hint for each in result.operations] == ["", ""]


def test_changed_settings_are_part_of_the_plan_and_of_its_digest() -> None:
    lax = RepositorySettings.model_validate({"prune": {"max_count": 50}})
    result = planned(configuration(policy()), configuration(policy(), settings=lax))
    assert result.operations == ()
    assert result.settings == (FieldChange("prune.max_count", 5, 50),)
    assert result
    assert result.digest != planned(configuration(), configuration()).digest
    assert not planned(configuration(policy()), configuration(policy(), settings=lax), settings=lax)


def test_the_digest_knows_no_time_no_commit_and_no_line() -> None:
    before = configuration(waiver("old", expires_at="2026-06-15"), policy())
    late = AS_OF + timedelta(days=60)
    one = plan(managed(before), configuration(check()), source="default", as_of=AS_OF)
    moved = configuration(check(), lines={"c": 40})
    two = plan(managed(before), moved, source="default", as_of=late)
    assert one.digest == two.digest


def test_the_digest_tells_different_contents_apart() -> None:
    digests = {
        planned(configuration(), configuration(policy(description=text))).digest for text in "abc"
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy(passing_score_threshold=80), policy(passing_score_threshold=80.0)),
        (policy(), policy(passing_score_threshold=80, enabled=True)),
        (
            policy(severity_overrides={"a": "low", "b": "high"}),
            policy(severity_overrides={"b": "high", "a": "low"}),
        ),
        (
            check(expected_result={"x": "1", "y": "2"}, frameworks={"m": ["1"], "n": ["2"]}),
            check(expected_result={"y": "2", "x": "1"}, frameworks={"n": ["2"], "m": ["1"]}),
        ),
        (waiver(expires_at="2026-12-31"), waiver(expires_at="2026-12-31T00:00:00+00:00")),
    ],
)
def test_equal_documents_written_differently_are_added_under_one_digest(
    one: Any, other: Any
) -> None:
    first, second = (planned(configuration(), configuration(each)) for each in (one, other))
    assert one == other
    assert first.digest == second.digest


def test_whatever_a_new_document_says_differently_gives_another_digest() -> None:
    several = [
        check(),
        check("d"),
        check(query="SELECT 2 AS state"),
        check(frameworks={"cis": ["1"]}),
        check(remediation={"steps": ["a", "b"]}),
        check(remediation={"steps": ["b", "a"]}),
        check(references=["a"]),
    ]
    plans = [planned(configuration(), configuration(each)) for each in several]
    moved = planned(configuration(), configuration(check(), paths={"c": "checks/other.yaml"}))
    assert len({each.digest for each in [*plans, moved]}) == len(several) + 1


IDS = st.sampled_from(["a", "b", "d", "e", "f"])
POLICIES = st.builds(
    lambda id, enabled, threshold: policy(id, enabled=enabled, passing_score_threshold=threshold),
    IDS,
    st.booleans(),
    st.integers(70, 73),
)
CHECKS = st.builds(
    lambda id, severity: check(id, severity=severity), IDS, st.sampled_from(["low", "high"])
)
WAIVERS = st.builds(
    lambda id, month: waiver(id, expires_at=f"2026-0{month}-01"), IDS, st.integers(4, 9)
)
DOCUMENTS = st.lists(POLICIES | CHECKS | WAIVERS, max_size=8).map(
    lambda found: tuple({(type(each), each.id): each for each in found}.values())
)
PATHS = st.dictionaries(IDS, st.sampled_from(["x/one.yaml", "x/two.yaml"]), max_size=3)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, DOCUMENTS, PATHS, PATHS)
def test_applying_a_plan_gives_the_head_and_planning_again_gives_nothing(
    before: Documents, after: Documents, old: dict[str, str], new: dict[str, str]
) -> None:
    current = managed(configuration(*before, paths=old))
    head = configuration(*after, paths=new)
    result = plan(current, head, source="default", as_of=AS_OF)
    reached = applied(current, result)
    assert {key: each.document for key, each in reached.items()} == {
        key: each.document for key, each in managed(head).items()
    }
    again = plan(reached, head, source="default", as_of=AS_OF)
    assert not again
    assert again.digest == plan({}, configuration(), source="default", as_of=AS_OF).digest


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, DOCUMENTS, st.randoms(use_true_random=False))
def test_the_order_of_documents_never_matters(
    before: Documents, after: Documents, random: Any
) -> None:
    first = planned(configuration(*before), configuration(*after))
    mixed = [list(before), list(after)]
    for each in mixed:
        random.shuffle(each)
    assert planned(configuration(*mixed[0]), configuration(*mixed[1])) == first


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_every_difference_is_one_operation(before: Documents, after: Documents) -> None:
    result = planned(configuration(*before), configuration(*after))
    keys = [(each.kind, each.id) for each in result.operations]
    assert len(keys) == len(set(keys))
    assert sum(result.counts().values()) == len(keys)
