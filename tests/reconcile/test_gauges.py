"""How much each weakening weighs: held against the store, with and without that one weakening."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from controller.model.machine import Machine
from controller.model.posture import Posture
from controller.reconcile import gauges
from controller.reconcile.preview import PlanRequest, Previewer
from controller.scoring.coverage import MOST_ENDS
from controller.scoring.profile import MachineScore
from controller.scoring.score import Score
from tests.api.server import controller
from tests.reconcile.fleets import World

Change = Callable[[World], None]
MACHINES = 60


class Fact(NamedTuple):
    """What the store has of a machine."""

    machine: Machine
    posture: Posture
    score: MachineScore

    def policy(self, id_: str) -> Score | None:
        return dict(self.score.policies).get(id_)


class Digits(World):
    """Machines answer with numbers."""

    values = "123456789"

    def check(self, id_: str) -> dict[str, Any]:
        numbers = {"comparison_operator": "gte", "expected_result": {"username": "5"}}
        plain = {"severity": "critical", "cis_level": "level_1", "platforms": ["linux", "windows"]}
        return {**super().check(id_), **plain, **numbers, "query": "SELECT username FROM users"}

    def policy(self, number: int) -> dict[str, Any]:
        plain = {"target_tags": [], "enabled": True, "target_os": "all", "cis_level": "level_2"}
        more = {"severity_overrides": {}, "exclude_checks": [], "error_handling": "count"}
        return {**super().policy(number), **plain, **more, "passing_score_threshold": 60}


@pytest.fixture(params=[1, 2])
def world(request: Any, tmp_path: Path) -> Iterator[World]:
    with controller(tmp_path) as made:
        world = Digits(made, request.param, MACHINES)
        world.waivers["old"] = {
            "check_ids": ["check-0"], "scope": "tag", "tag": "lab",
            "reason": "Accepted for the tests of it.",
            "starts_at": "2026-06-01T00:00:00Z", "expires_at": "2026-07-01",
        }  # fmt: skip
        apply(world)
        yield world


def apply(world: World) -> list[Fact]:
    world.made.apply(world.files())
    world.settle()
    with world.made.store.read() as reading:
        moment = reading.moment(world.made.clock.now)
        return [
            Fact(m, posture, moment.score(m.uuid, m.os, m.tags, posture))
            for m, posture in reading.every_machine(limit=10_000)
        ]


def weighed(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    previewer = world.made.services.preview
    assert isinstance(previewer, Previewer)
    body = previewer.preview(PlanRequest(files=world.changed()), world.made.clock.now)
    return {
        (operation["id"], each["by"]): each["fleet"]
        for operation in body["operations"]
        for each in operation["weakens"]
    }


def now_and_then(world: World, *changes: Change) -> tuple[list[Fact], dict[Any, Any], list[Fact]]:
    before = apply(world)
    for change in changes:
        change(world)
    told = weighed(world)
    return before, told, apply(world)


def threshold(world: World) -> None:
    world.policies["policy-0"]["passing_score_threshold"] = 40


def severities(world: World) -> None:
    world.policies["policy-0"]["severity_overrides"] = {"check-1": "low", "check-2": "medium"}


def own_severity(world: World) -> None:
    world.checks["check-3"]["severity"] = "low"


def mean(scores: list[int]) -> float:
    return sum(scores) // len(scores) / 100


def test_a_lower_threshold_counts_who_is_compliant_only_through_it(world: World) -> None:
    _, told, full = now_and_then(world, threshold, severities, own_severity)
    world.policies["policy-0"]["passing_score_threshold"] = 60
    without = apply(world)
    only = sum(
        (now.policy("policy-0") or now).compliant is True  # type: ignore[union-attr]
        and (was.policy("policy-0") or was).compliant is False  # type: ignore[union-attr]
        for was, now in zip(without, full, strict=True)
    )
    assert told["policy-0", "threshold"] == {"agents": only}
    assert only > 0


def test_lower_severities_of_a_policy_tell_its_average_without_and_with_them(world: World) -> None:
    _, told, full = now_and_then(world, threshold, severities, own_severity)
    world.policies["policy-0"]["severity_overrides"] = {}
    without = apply(world)
    pairs = [
        (a.hundredths, b.hundredths)
        for was, now in zip(without, full, strict=True)
        if (a := was.policy("policy-0"))
        and (b := now.policy("policy-0"))
        and a.hundredths is not None
        and b.hundredths is not None
    ]
    assert told["policy-0", "severity"] == {
        "agents": sum(a != b for a, b in pairs),
        "average_without": mean([a for a, _ in pairs]),
        "average_with": mean([b for _, b in pairs]),
    }


def test_a_lower_severity_of_a_check_tells_the_overall_average(world: World) -> None:
    _, told, full = now_and_then(world, threshold, severities, own_severity)
    world.checks["check-3"]["severity"] = "critical"
    without = apply(world)
    pairs = [
        (a, b)
        for was, now in zip(without, full, strict=True)
        if (a := was.score.overall.hundredths) is not None
        and (b := now.score.overall.hundredths) is not None
    ]
    assert told["check-3", "severity"] == {
        "agents": sum(a != b for a, b in pairs),
        "average_without": mean([a for a, _ in pairs]),
        "average_with": mean([b for _, b in pairs]),
    }


def test_checks_that_a_policy_leaves_out_tell_what_is_no_longer_counted(world: World) -> None:
    def leave(world: World) -> None:
        world.policies["policy-0"]["exclude_checks"] = ["check-1?", "check-0", "check-4"]

    before, told, after = now_and_then(world, leave)
    lost = [
        a.failed - b.failed
        for was, now in zip(before, after, strict=True)
        if (a := was.policy("policy-0")) and (b := now.policy("policy-0"))
    ]
    assert told == {("policy-0", "checks"): {"agents": sum(map(bool, lost)), "failing": sum(lost)}}
    assert sum(lost) > 0


@pytest.mark.parametrize(
    ("fields", "by"),
    [({"target_tags": ["lab"]}, "machines"), ({"target_os": "linux"}, "machines"),
     ({"enabled": False}, "enabled"), (None, "removed")],
)  # fmt: skip
def test_machines_that_a_policy_no_longer_judges_are_counted(
    world: World, fields: dict[str, Any] | None, by: str
) -> None:
    def change(world: World) -> None:
        if fields is None:
            world.policies.pop("policy-0")
        else:
            world.policies["policy-0"] |= fields

    before, told, after = now_and_then(world, change)
    left = [
        a
        for was, now in zip(before, after, strict=True)
        if (a := was.policy("policy-0")) and not now.policy("policy-0")
    ]
    assert told["policy-0", by] == {
        "agents": len(left),
        "noncompliant": sum(each.compliant is False for each in left),
        "failing": sum(each.failed for each in left),
    }
    assert left


def test_errors_that_no_longer_count_are_counted(world: World) -> None:
    def change(world: World) -> None:
        world.policies["policy-0"]["error_handling"] = "exclude"

    _, told, after = now_and_then(world, change)
    errors = [score.error for fact in after if (score := fact.policy("policy-0"))]
    assert told["policy-0", "errors"] == {"agents": sum(map(bool, errors)), "errors": sum(errors)}


@pytest.mark.parametrize(
    ("fields", "hours"),
    [({"check_interval_minutes": 60 * 24}, 72), ({"schedule_type": "manual"}, None)],
)
def test_a_longer_interval_tells_how_old_answers_may_get(
    world: World, fields: dict[str, Any], hours: float | None
) -> None:
    _, told, after = now_and_then(world, lambda world: world.policies["policy-0"].update(fields))
    judged = sum(fact.policy("policy-0") is not None for fact in after)
    assert told["policy-0", "interval"] == {
        "agents": judged, "stale_hours_before": 24, "stale_hours": hours,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "by"),
    [({"platforms": ["linux"]}, "platforms"), ({"cis_level": "level_2"}, "level"),
     (None, "removed")],
)  # fmt: skip
def test_a_check_that_goes_tells_on_how_many_machines_it_fails(
    world: World, fields: dict[str, Any] | None, by: str
) -> None:
    for policy in world.policies.values():
        policy["cis_level"] = "level_1"

    def change(world: World) -> None:
        if fields is None:
            world.checks.pop("check-5")
        else:
            world.checks["check-5"] |= fields

    before, told, after = now_and_then(world, change)
    lost = sum(
        was.score.overall.failed - now.score.overall.failed
        for was, now in zip(before, after, strict=True)
    )
    assert told["check-5", by] == {"agents": lost}
    assert lost > 0


def test_an_easier_expectation_tells_how_many_machines_pass_through_it(world: World) -> None:
    def change(world: World) -> None:
        world.checks["check-5"]["expected_result"] = {"username": "3"}

    before, told, after = now_and_then(world, change)
    better = sum(
        now.score.overall.passed - was.score.overall.passed
        for was, now in zip(before, after, strict=True)
    )
    assert told["check-5", "expectation"] == {"agents": better}
    assert better > 0


def hidden(world: World, facts: list[Fact], checks: list[str], tag: str | None) -> tuple[int, int]:
    with world.made.store.read() as reading:
        places = reading.in_force().rulebook.positions
    bits = [
        fact.posture.failed >> places[check] & 1
        for fact in facts
        for check in checks
        if tag is None or tag in fact.machine.tags
    ]
    return len(bits), sum(bits)


@pytest.mark.parametrize(
    ("fields", "by", "checks", "tag", "more"),
    [
        ({"check_ids": ["check-0", "check-1"]}, "checks", ["check-0", "check-1"], "lab", None),
        ({"scope": "global", "tag": None}, "reach", ["check-0"], None, None),
        ({"expires_at": "2026-08-01"}, "end", ["check-0"], "lab", {"days": 31}),
        ({"starts_at": "2026-05-22T00:00:00Z"}, "start", ["check-0"], "lab", {"days": 10}),
    ],
)
def test_an_exception_that_grows_tells_what_it_hides_and_by_how_much_it_grows(
    world: World,
    fields: dict[str, Any],
    by: str,
    checks: list[str],
    tag: str | None,
    more: dict[str, float] | None,
) -> None:
    def change(world: World) -> None:
        changed = {**world.waivers["old"], **fields}
        world.waivers["old"] = {k: v for k, v in changed.items() if v is not None}

    before, told, after = now_and_then(world, change)
    pairs, failing = hidden(world, after, checks, tag)
    agents = sum(tag is None or tag in fact.machine.tags for fact in after)
    expected: dict[str, float] = {"agents": agents, "pairs": pairs, "failing": failing}
    if more is None:
        was = hidden(world, before, ["check-0"], "lab")
        more = {"pairs_before": was[0], "failing_before": was[1]}
    assert told["old", by] == expected | more


def test_more_exceptions_than_a_person_reads_are_all_laid_over_the_fleet(world: World) -> None:
    ends = [f"2026-{7 + number // 28 % 5:02}-{1 + number % 28:02}" for number in range(200)]

    def change(world: World) -> None:
        for number, end in enumerate(ends):
            world.waivers[f"new-{number}"] = {
                "check_ids": [f"check-{number % 12}"], "scope": "global",
                "reason": "Accepted for the tests of it.", "expires_at": end,
            }  # fmt: skip

    before, told, after = now_and_then(world, change)
    found = {id_: each for (id_, by), each in told.items() if by == "added"}
    assert len(before) == len(after) == MACHINES
    assert len(found) == 200
    for number in range(200):
        pairs, failing = hidden(world, after, [f"check-{number % 12}"], None)
        each = found[f"new-{number}"]
        assert (each["agents"], each["pairs"], each["failing"]) == (MACHINES, pairs, failing)


def test_ends_that_are_too_many_to_look_at_are_counted(world: World) -> None:
    days = [f"2026-07-{day:02}" for day in range(1, 32)] + [f"2026-08-{d:02}" for d in range(1, 5)]
    for day in days:
        world.waivers[f"until-{day}"] = {
            "check_id": "check-1", "scope": "global",
            "reason": "Accepted for the tests of it.", "expires_at": day,
        }  # fmt: skip
    previewer = world.made.services.preview
    assert isinstance(previewer, Previewer)
    body = previewer.preview(PlanRequest(files=world.changed()), world.made.clock.now)
    ends = {each["id"]: each["average_at_end"] for each in body["impact"]["exceptions"]}
    unknown = {id_ for id_, average in ends.items() if average is None}
    assert unknown == {f"until-{day}" for day in days[MOST_ENDS:]}
    assert body["impact"]["ends_left_out"] == len(unknown) > 0


def test_severities_that_are_too_many_to_weigh_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "MOST_SEVERITIES", 2)
    for number in range(5):
        world.checks[f"check-{number}"]["severity"] = "low"
    told = weighed(world)
    assert sum(each is not None for each in told.values()) == 2
    assert len(told) == 5
