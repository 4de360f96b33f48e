from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from controller.config.load import SourceFile, assemble, load, read_file
from controller.model.documents import Check
from tests.config.repository import (
    AS_OF,
    CATALOG,
    POLICY,
    codes_of,
    errors,
    judged,
    problems_of,
    repository,
    varied,
)


@pytest.mark.parametrize(
    ("kind", "fields", "codes"),
    [
        # policies
        ("policy", "schedule_type: manual", set()),
        ("policy", "schedule_type: manual\ncheck_interval_minutes: 30", {"GW211"}),
        ("policy", "timezone: Europe/Berlin", {"GW211"}),
        ("policy", 'schedule_type: scheduled\nschedule: "0 2 * * SUN"', set()),
        ("policy", 'schedule_type: scheduled\nschedule: "0 2 * * SUN 7"', {"GW212"}),
        ("policy", 'schedule_type: scheduled\nschedule: "@daily"', {"GW212"}),
        ("policy", 'schedule_type: scheduled\nschedule: "0 0 31 2 *"', {"GW212"}),
        ("policy", 'schedule_type: scheduled\nschedule: "0 0 * * *"\ntimezone: ../etc', {"GW213"}),
        ("policy", "passing_score_threshold: 100.5", {"GW205"}),
        ("policy", 'name: " "', {"GW205"}),
        ("policy", "enabled:", {"GW203"}),
        ("policy", "include_checks: [linux-firewall-on]", set()),
        ("policy", "include_checks: [linux-audit-on]", {"GW306", "GW308"}),
        ("policy", "exclude_checks: [nope]", {"GW304"}),
        ("policy", "target_os: darwin", {"GW311"}),
        # checks
        ("check", "comparison_operator: exists", set()),
        ("check", 'comparison_operator: not_exists\nexpected_result: {state: "x"}', {"GW216"}),
        ("check", 'comparison_operator: ">="\nexpected_result: {state: "3 days"}', set()),
        ("check", 'comparison_operator: gte\nexpected_result: {a: "1", b: "2"}', {"GW217", "GW236"}),
        ("check", "expected_result: {}", {"GW216"}),
        ("check", 'expected_result: "on"', {"GW216"}),
        ("check", "expected_result: {state: 1}", {"GW203"}),
        ("check", "comparison_operator: regex", {"GW204"}),
        ("check", "category: backups", {"GW218"}),
        ("check", "applies_when: SELECT 1 FROM nope", {"GW231"}),
        ("check", "platforms: []", {"GW205"}),
        ("check", "severity: urgent", {"GW204"}),
        ("check", "remediation: {step: [x]}", {"GW201"}),
        ("check", "query: SELECT 'updated' AS state FROM users", set()),
        ("check", "query: SELECT mode AS state FROM file WHERE path = '/etc/shadow'", set()),
        ("check", "query: SELECT 'an Update is due' AS state FROM users", {"GW504"}),
        ("check", "query: SELECT 'an upd\N{LATIN SMALL LETTER DOTLESS I}te' AS state FROM users", set()),
        ("check", "query: SELECT '\N{LATIN SMALL LETTER DOTLESS I}nsert' AS state FROM users", {"GW504"}),
        ("check", "query: SELECT username AS state FROM Shadow", {"GW505"}),
        ("check", "query: SELECT username AS state FROM [SHADOW]", {"GW505"}),
        ("check", "query: SELECT 'shadows' AS state FROM users", set()),
        # exceptions
        ("exception", "scope: agent\nagent_uuid: 3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a11", set()),
        ("exception", "scope: agent\nagent_uuid: 3F0C1B7E-6A55-4A0E-9D53-0D3C0F7B0A11", {"GW206"}),
        ("exception", "scope: agent", {"GW215"}),
        ("exception", "scope: tag\ntag: a\npolicy_id: baseline", {"GW215"}),
        ("exception", "check_ids: []", {"GW214"}),
        ("exception", "reason: because", {"GW205"}),
        ("exception", "check_id: nope", {"GW304"}),
        ("exception", "scope: policy\npolicy_id: baseline", set()),
        ("exception", "expires_at: 2027-07-01T12:00:00Z", set()),
        ("exception", "expires_at: 2027-07-01T12:00:01Z", {"GW403"}),
        ("exception", "expires_at: 9999-12-31", {"GW403"}),
        ("exception", 'expires_at: "0000-01-01"', {"GW207"}),
        ("exception", "expires_at: 2026-12-31T00:00:00", {"GW207"}),
        ("exception", "expires_at: -1", {"GW207"}),
        ("exception", "requested_by: Ann\napproved_by: [bob, ann]", {"GW408"}),
        # settings
        ("settings", "prune: {max_percent: 101}", {"GW205"}),
        ("settings", "api_write: deny", {"GW201"}),
        ("settings", "exceptions: {max_day: 3}", {"GW201"}),
    ],
)  # fmt: skip
def test_a_document_has_exactly_these_problems(kind, fields, codes):
    assert codes_of(kind, fields) == codes


@pytest.mark.parametrize(
    ("kind", "fields", "line", "column", "field", "said"),
    [
        ("policy", "enabled: yes", 5, 10, "enabled", "write true or false"),
        ("policy", "name: 1.10", 4, 7, "name", 'quote it: "1.10"'),
        (
            "policy",
            "include_checks: [linux-firewal-on]",
            5,
            18,
            "include_checks[0]",
            "did you mean",
        ),
        ("policy", "target_tag: [a]", 5, 1, "target_tag", 'did you mean "target_tags"?'),
        ("check", "severity: hihg", 11, 15, "checks[0].severity", 'did you mean "high"?'),
        ("settings", "prune: {max_cont: 1}", 1, 9, "prune.max_cont", 'did you mean "max_count"?'),
        ("exception", "scope: tag", 1, 1, "tag", "add it"),
    ],
)
def test_a_problem_names_place_field_and_remedy(kind, fields, line, column, field, said):
    told = {problem.field: problem for problem in problems_of(kind, fields)}
    problem = told[field]

    assert (problem.line, problem.column) == (line, column)
    assert said in problem.message


def test_two_files_with_one_id_name_each_other():
    problems = judged("policy", "id: baseline\nname: Other").problems
    told = [p for p in problems if p.code == "GW301"]

    assert [(p.path, "policies/baseline.yaml:1" in p.message) for p in told] == [
        ("policies/example.yaml", True)
    ]


def test_ids_across_kinds_may_be_the_same():
    assert codes_of("exception", "id: baseline") == set()


def test_one_bad_check_hides_neither_the_others_nor_what_refers_to_it():
    broken = CATALOG.replace("severity: medium", "severity: midium")
    files = [
        SourceFile("checks/base.yaml", broken.encode()),
        SourceFile(
            "policies/p.yaml", (POLICY + "include_checks: [linux-*, linux-audit-on]").encode()
        ),
    ]

    loaded = load(files, as_of=AS_OF)

    assert {p.code for p in loaded.problems if p.level == "error"} == {"GW204"}
    assert "linux-firewall-on" in loaded.configuration.checks


def test_an_unreadable_catalog_does_not_make_its_checks_unknown():
    files = [
        *repository(varied("exception", "check_id: other-check")),
        SourceFile("checks/other.yaml", b"checks:\n  - id: other-check\n    title: [\n"),
    ]

    assert {p.code for p in load(files, as_of=AS_OF).problems if p.level == "error"} == {"GW105"}


def test_a_policy_over_a_broken_catalog_is_not_called_empty():
    files = [
        SourceFile("checks/base.yaml", b"catalog: base\nchecks:\n  - id: a\n    title: [\n"),
        SourceFile("policies/p.yaml", f"{POLICY}include_checks: [a]\n".encode()),
    ]

    assert {p.code for p in load(files, as_of=AS_OF).problems} == {"GW105"}


def test_thousands_of_mistakes_take_no_long_time_and_stay_an_error():
    fields = "".join(f"unknown-{n}: 1\n" for n in range(8_000))
    unknown = varied("exception", f"check_ids: [{', '.join(f'check-{n}' for n in range(1000))}]")
    many = [SourceFile(f"exceptions/e{n}.yaml", unknown.content) for n in range(3)]
    started = time.monotonic()

    loaded = load(repository(SourceFile("policies/x.yaml", fields.encode()), *many), as_of=AS_OF)

    assert errors(loaded)
    assert sum(p.code == "GW304" for p in loaded.problems) == 3_000
    assert time.monotonic() - started < 10


def test_one_poison_file_among_a_hundred_is_the_only_one_named():
    good = [
        SourceFile(f"policies/p{n}.yaml", POLICY.replace("Baseline", f"P{n}").encode())
        for n in range(100)
    ]
    loaded = load([*repository(), *good, SourceFile("policies/x.yaml", b"[" * 60_000)], as_of=AS_OF)

    assert [p.path for p in loaded.problems if p.level == "error"] == ["policies/x.yaml"]
    assert len(loaded.configuration.policies) == 101


def test_the_span_counts_from_when_the_exception_was_first_applied():
    files = repository(varied("exception", "expires_at: 2027-01-31"))

    def codes(first: datetime) -> set[str]:
        loaded = load(files, as_of=AS_OF, first_applied={"example": first})
        return {p.code for p in loaded.problems if p.level == "error"}

    assert codes(datetime(2026, 6, 1, tzinfo=UTC)) == set()
    assert codes(datetime(2025, 6, 1, tzinfo=UTC)) == {"GW403"}


def test_only_what_depends_on_the_clock_alone_is_marked_so():
    (ended,) = problems_of("exception", "expires_at: 2026-01-31")
    (long,) = problems_of("exception", "expires_at: 2029-01-31")

    assert (ended.code, ended.level, ended.clock) == ("GW405", "error", True)
    assert (long.code, long.level, long.clock) == ("GW403", "error", False)


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("scope: global", "scope: tag\ntag: a", "example"),
        ("scope: tag\ntag: a", "scope: tag\ntag: a", "other"),
        ("scope: tag\ntag: a", "scope: tag\ntag: b", None),
        ("scope: tag\ntag: a", "scope: policy\npolicy_id: baseline", None),
        (
            "scope: global\nstarts_at: 2026-10-01",
            "scope: tag\ntag: a\nexpires_at: 2026-10-01",
            None,
        ),
        ("scope: agent\nagent_uuids: [{0}, {1}]", "scope: agent\nagent_uuid: {1}", "example"),
        ("scope: agent\nagent_uuid: {0}", "scope: agent\nagent_uuid: {1}", None),
    ],
)
def test_an_exception_that_contains_another_is_named_once(one, other, named):
    uuids = [f"3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a1{n}" for n in range(2)]
    first = varied("exception", one.format(*uuids))
    second = varied("exception", other.format(*uuids))
    files = repository(first, SourceFile("exceptions/other.yaml", second.content))

    told = [p.path for p in load(files, as_of=AS_OF).problems if p.code == "GW312"]

    assert told == ([f"exceptions/{named}.yaml"] if named else [])


def test_builtin_checks_count_only_when_the_settings_say_so():
    check = Check.model_validate(
        {
            "id": "built-in", "title": "B", "category": "firewall", "severity": "low",
            "cis_level": "level_1", "platforms": ["linux"], "description": "d",
            "query": "SELECT 1 FROM users", "comparison_operator": "exists",
        }
    )  # fmt: skip
    files = repository(varied("exception", "check_id: built-in"))
    settings = SourceFile("gitward.yaml", b"builtin_checks: true\n")

    without = load(files, as_of=AS_OF, builtin_checks=[check])
    with_ = load([*files, settings], as_of=AS_OF, builtin_checks=[check])

    assert "GW304" in {p.code for p in without.problems}
    assert not errors(with_)
    assert "built-in" not in with_.configuration.checks


@pytest.mark.parametrize(
    "paths",
    [("policies/a.yaml", "policies/A.yaml"), ("policies/\u00e9.yaml", "policies/e\u0301.yaml")],
)
def test_file_names_that_collide_elsewhere_are_problems(paths):
    files = [SourceFile(path, b"id: x\n") for path in paths]

    assert "GW121" in {p.code for p in load(files, as_of=AS_OF).problems}


def test_the_order_of_files_does_not_matter_and_kept_contents_give_the_same():
    files = repository(
        varied("exception", "scope: tag\ntag: x\ncheck_id: nope"),
        SourceFile("policies/bad.yaml", b"name: [\n"),
        SourceFile("README.yaml", b"not: ours\n"),
    )
    forward = load(files, as_of=AS_OF)
    kept = [read_file(file) for file in reversed(files)]

    assert assemble(kept, as_of=AS_OF) == forward == assemble(kept, as_of=AS_OF)


def test_a_file_without_problems_declares_its_documents_with_their_places():
    text = f"# head\nid: a\n{POLICY.replace('Baseline', 'A')}---\nid: b\n{POLICY.replace('Baseline', 'B')}"
    loaded = load([*repository(), SourceFile("policies/two.yml", text.encode())], as_of=AS_OF)

    places = {i: (d.place.path, d.place.line) for i, d in loaded.configuration.policies.items()}
    assert places == {
        "baseline": ("policies/baseline.yaml", 1),
        "a": ("policies/two.yml", 2),
        "b": ("policies/two.yml", 8),
    }
    assert not errors(loaded)


def test_what_only_slimrmms_agents_refuse_is_not_told_where_none_reports():
    strict = ("policy", "passing_score_threshold: 99\nerror_handling: count")
    none_reports = SourceFile("gitward.yaml", b"slimrmm_agents: false\n")

    told = {problem.code for problem in judged(*strict).problems}
    assert {"GW313", "GW501"} <= told
    quiet = {problem.code for problem in judged(*strict, none_reports).problems}
    assert quiet == told - {"GW313", "GW501"}
