from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.managed import GitOrigin, Managed
from controller.model.posture import Posture
from controller.scoring.profile import score_profile
from controller.scoring.rulebook import Rulebook
from controller.scoring.standing import standings
from tests.builders import NOW, make_check, make_policy, make_waiver
from tests.scoring.naive import ORDER, Item, naive_score

UUID = "3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a11"


def managed(document: Any, manager: str = "git:default") -> Managed[Any]:
    origin = GitOrigin("default", "x.yaml", 1, "0" * 40) if manager.startswith("git") else None
    return Managed(document, manager, origin, NOW, NOW)


def rulebook(
    policies: list[Policy], checks: list[Check], waivers: list[Waiver], **settings: Any
) -> Rulebook:
    return Rulebook(
        policies={each.id: managed(each) for each in policies},
        checks={each.id: managed(each) for each in checks},
        waivers={each.id: managed(each) for each in waivers},
        positions={each.id: position for position, each in enumerate(checks)},
        settings=RepositorySettings(**settings),
    )


def test_a_check_for_another_platform_is_not_applicable_whatever_is_reported() -> None:
    book = rulebook([make_policy(target_os="all")], [make_check(platforms=("windows",))], [])

    found = book.at(NOW).score(UUID, "linux", (), Posture(failed=1))

    assert (found.overall.not_applicable, found.overall.failed) == (1, 0)


def test_a_waiver_never_changes_the_raw_outcome_only_leaves_it_out() -> None:
    book = rulebook([make_policy()], [make_check()], [make_waiver()])
    posture = Posture(failed=1)

    found = book.at(NOW).score(UUID, "linux", (), posture)

    assert posture.outcome(0) == "failed"
    assert found.overall.exempted == 1
    assert found.overall.score is None
    assert found.without_exceptions.failed == 1
    assert found.without_exceptions.score == 0


def test_a_check_exempted_in_one_policy_counts_with_the_severity_of_the_other() -> None:
    lenient = make_policy("lenient", severity_overrides={"check-1": "low"})
    strict = make_policy("strict", severity_overrides={"check-1": "critical"})
    waiver = make_waiver(scope="policy", policy_id="strict")
    book = rulebook([lenient, strict], [make_check()], [waiver])

    found = book.at(NOW).score(UUID, "linux", (), Posture(failed=1))

    assert found.overall.failed_by_severity == {"critical": 0, "high": 0, "medium": 0, "low": 1}
    assert found.without_exceptions.failed_by_severity["critical"] == 1


def test_overall_an_error_counts_unless_every_selecting_policy_excludes_errors() -> None:
    excluding = make_policy("a", error_handling="exclude")
    counting = make_policy("b")
    posture = Posture(errored=1)

    one = rulebook([excluding], [make_check()], []).at(NOW).score(UUID, "linux", (), posture)
    both = (
        rulebook([excluding, counting], [make_check()], [])
        .at(NOW)
        .score(UUID, "linux", (), posture)
    )

    assert one.overall.total_weight == 0
    assert both.overall.total_weight == 3


def test_overall_compliance_asks_only_the_policies_that_assessed_something() -> None:
    empty = make_policy("empty", include_checks=("check-2",))
    book = rulebook([make_policy(), empty], [make_check(), make_check("check-2")], [])

    found = book.at(NOW).score(UUID, "linux", (), Posture(passed=1))

    assert dict(found.policies)["empty"].compliant is None
    assert found.overall.compliant is True


def test_a_git_policy_never_selects_what_git_did_not_declare() -> None:
    checks = {"own": managed(make_check("own")), "seeded": managed(make_check("seeded"), "builtin")}
    common: dict[str, Any] = {"checks": checks, "waivers": {}, "positions": {"own": 0, "seeded": 1}}
    policies = {"git": managed(make_policy("git")), "api": managed(make_policy("api"), "api:ann")}

    closed = Rulebook(policies=policies, settings=RepositorySettings(), **common)
    opened = Rulebook(policies=policies, settings=RepositorySettings(builtin_checks=True), **common)

    assert dict(closed.selected) == {"git": ("own",), "api": ("own", "seeded")}
    assert opened.selected["git"] == ("own", "seeded")


def test_an_exception_is_active_from_its_start_to_the_instant_before_its_end() -> None:
    start, end = NOW, NOW + timedelta(hours=1)
    book = rulebook([make_policy()], [make_check()], [make_waiver(starts_at=start, expires_at=end)])
    tick = timedelta(microseconds=1)

    active = [bool(book.timeline.active(at)) for at in (start - tick, start, end - tick, end)]

    assert active == [False, True, True, False]
    assert book.timeline.next_instant(start - tick) == start
    assert book.timeline.next_instant(start) == end
    assert book.timeline.next_instant(end) is None


def test_an_exception_that_has_ended_once_never_comes_back() -> None:
    waiver = make_waiver()
    assert waiver.expires_at is not None
    book = Rulebook(
        policies={"policy-1": managed(make_policy())},
        checks={"check-1": managed(make_check())},
        waivers={waiver.id: managed(waiver)},
        positions={"check-1": 0},
        settings=RepositorySettings(),
        ended=frozenset({(waiver.id, waiver.expires_at)}),
    )

    assert book.timeline.active(NOW) == frozenset()


SCOPES = st.sampled_from(["global", "agent", "tag", "policy"])


@st.composite
def worlds(draw: Any) -> tuple[Rulebook, Posture, tuple[str, ...], dict[str, Any]]:
    count = draw(st.integers(1, 12))
    severities = st.sampled_from(["critical", "high", "medium", "low"])
    checks = [
        make_check(
            f"c{n}",
            severity=draw(severities),
            platforms=draw(st.sampled_from([("linux",), ("windows",), ("linux", "windows")])),
        )
        for n in range(count)
    ]
    ids = [check.id for check in checks]
    policies = [
        make_policy(
            f"p{n}",
            target_os=draw(st.sampled_from(["all", "linux", "windows"])),
            target_tags=tuple(draw(st.sets(st.sampled_from(["a", "b"])))),
            include_checks=tuple(draw(st.sets(st.sampled_from(ids)))),
            exclude_checks=tuple(draw(st.sets(st.sampled_from(ids), max_size=2))),
            severity_overrides=draw(st.dictionaries(st.sampled_from(ids), severities, max_size=3)),
            error_handling=draw(st.sampled_from(["count", "exclude"])),
            passing_score_threshold=draw(st.integers(0, 100)),
        )
        for n in range(draw(st.integers(0, 4)))
    ]
    waivers = [
        make_waiver(
            f"w{n}",
            check_ids=tuple(draw(st.sets(st.sampled_from(ids), min_size=1))),
            scope=(scope := draw(SCOPES)),
            agent_uuid=draw(st.sampled_from([UUID, UUID.replace("3", "4")]))
            if scope == "agent"
            else None,
            tag=draw(st.sampled_from(["a", "b"])) if scope == "tag" else None,
            policy_id=f"p{draw(st.integers(0, 3))}" if scope == "policy" else None,
        )
        for n in range(draw(st.integers(0, 4)))
    ]
    outcomes = [
        draw(st.sampled_from(["passed", "failed", "error", "not_applicable", "pending"]))
        for _ in checks
    ]
    bits = {
        word: sum(1 << n for n, each in enumerate(outcomes) if each == word)
        for word in ("passed", "failed", "error", "not_applicable")
    }
    posture = Posture(bits["passed"], bits["failed"], bits["error"], bits["not_applicable"])
    tags = tuple(sorted(draw(st.sets(st.sampled_from(["a", "b"])))))
    plain = {"checks": checks, "policies": policies, "waivers": waivers, "outcomes": outcomes}
    return rulebook(policies, checks, waivers), posture, tags, plain


def naive_machine(
    plain: dict[str, Any], tags: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A linux machine's scores by plain loops: per policy, and overall."""
    matching = [
        p
        for p in plain["policies"]
        if p.target_os in {"all", "linux"} and (not p.target_tags or set(tags) & set(p.target_tags))
    ]
    per_policy: dict[str, Any] = {}
    union: dict[str, list[tuple[Policy, bool]]] = {}
    for policy in matching:
        items = []
        for check, outcome in zip(plain["checks"], plain["outcomes"], strict=True):
            fits = policy.target_os == "all" or policy.target_os in check.platforms
            included = not policy.include_checks or check.id in policy.include_checks
            if not fits or not included or check.id in policy.exclude_checks:
                continue
            exempted = any(
                check.id in w.checks
                and (
                    w.scope == "global"
                    or (w.scope == "agent" and w.agent_uuid == UUID)
                    or (w.scope == "tag" and w.tag in tags)
                    or (w.scope == "policy" and w.policy_id == policy.id)
                )
                for w in plain["waivers"]
            )
            shown = outcome if "linux" in check.platforms else "not_applicable"
            severity = policy.severity_overrides.get(check.id, check.severity)
            items.append(Item(severity, shown, exempted, policy.error_handling == "count"))
            union.setdefault(check.id, []).append((policy, exempted))
        per_policy[policy.id] = naive_score(items, policy.passing_score_threshold)
    overall = []
    for check, outcome in zip(plain["checks"], plain["outcomes"], strict=True):
        if check.id not in union:
            continue
        open_ = [policy for policy, exempted in union[check.id] if not exempted]
        severity = max(
            (p.severity_overrides.get(check.id, check.severity) for p in open_),
            key=ORDER.index,
            default="low",
        )
        shown = outcome if "linux" in check.platforms else "not_applicable"
        counts = any(p.error_handling == "count" for p in open_)
        overall.append(Item(severity, shown, not open_, counts))
    total = naive_score(overall, 0)
    verdicts = [each["compliant"] for each in per_policy.values() if each["compliant"] is not None]
    total["compliant"] = all(verdicts) if verdicts else None
    return per_policy, total


@given(worlds())
def test_compiled_masks_score_as_the_rules_read(
    world: tuple[Rulebook, Posture, tuple[str, ...], dict[str, Any]],
) -> None:
    book, posture, tags, plain = world

    found = book.at(NOW).score(UUID, "linux", tags, posture)
    per_policy, overall = naive_machine(plain, tags)

    for policy_id, score in found.policies:
        wanted = per_policy.pop(policy_id)
        assert (score.score, score.risk_level, score.compliant) == (
            wanted["score"],
            wanted["risk_level"],
            wanted["compliant"],
        )
        assert score.exempted == wanted["counts"]["exempted"]
        assert score.pending == wanted["counts"]["pending"]
        assert score.not_applicable == wanted["counts"]["not_applicable"]
    assert per_policy == {}
    assert (found.overall.score, found.overall.risk_level, found.overall.compliant) == (
        overall["score"],
        overall["risk_level"],
        overall["compliant"],
    )
    assert found.overall.failed_by_severity == overall["failed_by_severity"]
    assert found.overall.exempted == overall["counts"]["exempted"]


@given(worlds())
def test_what_is_stored_equals_what_is_computed_for_one_machine(
    world: tuple[Rulebook, Posture, tuple[str, ...], dict[str, Any]],
) -> None:
    book, posture, tags, _ = world
    profile = book.at(NOW).profile(UUID, "linux", tags)

    first, *rest = standings(profile, posture)
    full = score_profile(profile, posture)

    assert first[:3] == (full.overall.hundredths, full.overall.risk_level, full.overall.compliant)
    bare = full.without_exceptions
    assert first[3:] == (bare.hundredths, bare.risk_level, bare.compliant)
    assert [each[:3] for each in rest] == [
        (score.hundredths, score.risk_level, score.compliant) for _, score in full.policies
    ]
