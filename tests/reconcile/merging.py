"""Merge what was previewed, and hold the store to it, machine by machine."""

from __future__ import annotations

from typing import Any

from controller.config.load import SourceFile, load
from controller.reconcile.plan import plan
from controller.reconcile.preview import PlanRequest, Previewer
from controller.reconcile.projection import Projection, in_force_now, project
from controller.scoring.score import percent
from controller.store.port.fleet import Totals
from controller.store.port.machines import MachineQuery
from tests.reconcile.fleets import World

ALL = {
    "enabled": True,
    "target_tags": [],
    "target_os": "all",
    "cis_level": "level_2",
    "exclude_checks": [],
    "severity_overrides": {},
}
"""A policy that judges every machine by every check."""


Shown = dict[str, tuple[float | None, str, bool | None]]


def stored(world: World) -> Shown:
    """Every machine's stored overall score."""
    with world.made.store.read() as reading:
        page = reading.machines(MachineQuery(per_page=10_000), world.made.clock.now)
    return {
        row.machine.uuid: (percent(s.hundredths), s.risk, s.compliant)
        for row in page.items
        if (s := row.standing) is not None
    }


def preview(world: World, **fields: Any) -> dict[str, Any]:
    previewer = world.made.services.preview
    assert isinstance(previewer, Previewer)
    request = PlanRequest(files=world.changed(), movers=None, **fields)
    return previewer.preview(request, world.made.clock.now)


def told(side: dict[str, Any]) -> tuple[float | None, str, bool | None]:
    return side["score"], side["risk_level"], side["compliant"]


def agree(sums: dict[str, Any] | None, totals: Totals | None) -> None:
    if sums is None or totals is None:
        assert sums is None or sums["agents"] == 0 or totals is not None
        assert totals is None or totals.agents == 0 or sums is not None
        return
    average = totals.score_sum // totals.assessed / 100 if totals.assessed else None
    assert sums["average_score"] == average
    assert sums["risk_distribution"] == totals.risk
    assert (sums["agents"], sums["assessed_agents"], sums["compliant_agents"]) == (
        totals.agents,
        totals.assessed,
        totals.compliant,
    )


def foreseen(world: World) -> Projection:
    """What the preview takes for what would be in force."""
    now = world.made.clock.now
    files = [SourceFile(path, text.encode()) for path, text in world.files().items()]
    with world.made.store.read() as reading:
        head = load(files, as_of=now).configuration
        before, base = in_force_now(reading), reading.declared("default")
        made = plan(before.objects, head, source="default", as_of=now, settings=base.settings)
        return project(reading, before, made, head.settings, source="default", as_of=now)


def in_force_as_foreseen(world: World, projected: Projection) -> None:
    """The store has exactly that: when each object came, which bit each check is, what has ended."""
    with world.made.store.read() as reading:
        now = in_force_now(reading)

    def told(side: Projection) -> dict[Any, Any]:
        return {
            key: (each.document, each.manager, each.created_at, each.origin and each.origin.path)
            for key, each in side.objects.items()
        }

    def bits(side: Projection) -> dict[str, int]:
        return {id_: side.rulebook.positions[id_] for id_ in side.rulebook.checks}

    assert told(projected) == told(now)
    assert bits(projected) == bits(now)
    assert projected.rulebook.ended == now.rulebook.ended
    assert projected.rulebook.settings == now.rulebook.settings


def merge_as_planned(world: World) -> None:
    before = stored(world)
    body = preview(world)
    projected = foreseen(world)
    applied = world.made.apply(world.files())
    in_force_as_foreseen(world, projected)
    world.settle()
    after = stored(world)

    told_of = body["impact"]
    expected = dict(before)
    for each in told_of["agents"]:
        assert told(each["before"]) == before[each["agent_uuid"]]
        expected[each["agent_uuid"]] = told(each["after"])
    assert after == expected
    assert body["digest"] == applied.digest
    assert told_of["agents_total"] == len(world.machines)
    assert told_of["agents_changed"] == len(told_of["agents"])
    assert told_of["newly_noncompliant"] == sum(
        after[uuid][2] is False and before[uuid][2] is not False for uuid in after
    )
    with world.made.store.read() as reading:
        totals = reading.fleet_totals(world.made.clock.now)
        pending = {uuid for uuid in after if _awaits(reading, uuid, world)}
    agree(told_of["after"], totals.overall)
    policies = {each["policy_id"]: each["after"] for each in told_of["policies"]}
    for id_, each in totals.policies.items():
        agree(policies.get(id_), each)
    assert told_of["complete_share"] == 1 or pending


def _awaits(reading: Any, uuid: str, world: World) -> bool:
    state = reading.machine_state(uuid, world.made.clock.now)
    machine = state.machine
    score = reading.moment(world.made.clock.now).score(
        uuid, machine.os, machine.tags, state.posture
    )
    return bool(score.overall.pending)
