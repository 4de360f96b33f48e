"""A revision judged by what it changes comes to the same as one judged whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.config.assembly import Assembly
from controller.config.load import SourceFile, assemble, read_file
from controller.model.terms import KINDS

START = datetime(2026, 6, 1, tzinfo=UTC)


def check(id_: str, extra: str = "") -> str:
    return (
        f"- id: {id_}\n  title: Title of {id_}\n  category: firewall\n  severity: high\n"
        "  cis_level: level_1\n  platforms: [linux]\n  description: Why.\n"
        "  query: SELECT path FROM file WHERE path = '/etc/x'\n"
        f"  comparison_operator: exists\n{extra}"
    )


def catalog(*checks: str) -> str:
    return "title: A catalog\nchecks:\n" + "".join(checks)


def policy(name: str, extra: str = "") -> str:
    return f"name: {name}\ncis_level: level_1\ntarget_os: linux\n{extra}"


def waiver(extra: str) -> str:
    return f"reason: Agreed with everybody who has a say.\n{extra}"


FILES: dict[str, list[str | None]] = {
    "checks/a.yaml": [
        catalog(check("a-one"), check("a-two")),
        catalog(check("a-one").replace("Why", "Because"), check("a-two")),
        catalog(check("a-one").replace("SELECT path", "select path"), check("a-two")),
        catalog(check("a-one"), check("a-two").replace("[linux]", "[windows]")),
        catalog(check("a-one")),
    ],
    "checks/b.yaml": [catalog(check("b-one")), catalog(check("a-one")), "checks: [\n", None],
    "policies/all.yaml": [
        policy("All"),
        policy("All", "enabled: false\n"),
        "# moved down\n" + policy("all"),
        policy("Named", "include_checks: [a-*, zz-*]\n"),
        None,
    ],
    "policies/named.yaml": [
        policy("Named", "include_checks: [a-one]\n"),
        policy("Named", "include_checks: [a-one, b-one]\nexclude_checks: [a-two]\n"),
        policy("Named", "include_checks: [a-one]\npassing_score_threshold: 100\n"),
        policy("Named", "id: other\n"),
        policy("Named", "include_checks: [nothing]\n"),
        None,
    ],
    "policies/ALL.yaml": [None, policy("Alike")],
    "exceptions/one.yaml": [
        waiver("check_id: a-one\nscope: global\nexpires_at: 2026-09-01\n"),
        waiver("check_id: a-one\nscope: policy\npolicy_id: named\nexpires_at: 2026-06-20\n"),
        waiver("check_id: a-two\nscope: tag\ntag: lab\nexpires_at: 2026-06-03\n"),
        waiver("check_id: b-one\nscope: global\nexpires_at: 2029-06-03\n"),
        None,
    ],
    "exceptions/two.yaml": [
        waiver(
            "check_id: a-one\nscope: tag\ntag: lab\nstarts_at: 2026-05-01\nexpires_at: 2026-07-01\n"
        ),
        waiver("check_ids: [a-one, a-two]\nscope: global\nexpires_at: 2026-06-10\n"),
        waiver("id: one\ncheck_id: a-one\nscope: global\nexpires_at: 2026-06-10\n"),
        None,
    ],
    "gitward.yaml": [
        None,
        "exceptions: {max_days: 20}\n",
        "exceptions: {require_owner: true}\n",
        "slimrmm_agents: false\n",
    ],
}
STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(sorted(FILES)), st.integers(0, 5), max_size=3),
        st.integers(-1, 40),  # days that pass
        st.booleans(),  # whether what the step declares is applied
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_steps_come_to_the_same_as_the_whole(steps):
    assembly = Assembly()
    at = START
    contents: dict[str, Any] = {}
    applied: dict[str, datetime] = {}
    before: dict[Any, Any] = {}
    first = ({name: 0 for name in FILES if FILES[name][0] is not None}, 0, True)
    for edits, days, applies in [first, *steps]:
        at += timedelta(days=days)
        for path, choice in edits.items():
            text = FILES[path][choice % len(FILES[path])]
            contents.pop(path, None)
            if text is not None:
                contents = {**contents, path: read_file(SourceFile(path, text.encode()))}
        known: Any = {"as_of": at, "builtin_checks": (), "first_applied": dict(applied)}

        judged, touched = assembly.judge(dict(contents), set(edits), **known)

        whole = assemble(contents.values(), **known)
        assert judged == whole
        now = {
            (kind, id_): each
            for kind in KINDS
            for id_, each in whole.configuration.of_kind(kind).items()
        }
        if touched is not None:
            assert {
                key for key in before.keys() | now.keys() if before.get(key) != now.get(key)
            } <= touched
        before = now
        if applies:
            for id_ in whole.configuration.waivers:
                applied.setdefault(id_, at)


def test_one_changed_document_is_judged_in_a_step():
    assembly = Assembly()
    texts = {path: choices[0] for path, choices in FILES.items() if choices[0] is not None}
    contents = {path: read_file(SourceFile(path, text.encode())) for path, text in texts.items()}
    known: Any = {"as_of": START, "builtin_checks": (), "first_applied": {}}
    assert assembly.judge(contents, None, **known)[1] is None

    text = policy("All", "description: Changed.\n")
    path = "policies/all.yaml"
    contents = {**contents, path: read_file(SourceFile(path, text.encode()))}
    judged, touched = assembly.judge(contents, [path], **known)

    assert touched == frozenset({("policy", "all")})
    assert judged == assemble(contents.values(), **known)
