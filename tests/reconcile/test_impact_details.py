"""Where an impact that is nearly right would mislead a reviewer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.config.load import SourceFile, load
from controller.reconcile.plan import plan
from controller.reconcile.preview import PlanRequest, Previewer
from controller.reconcile.projection import in_force_now, project
from tests.api.server import controller
from tests.reconcile.fleets import World
from tests.reconcile.merging import ALL, merge_as_planned, preview
from tests.reconcile.repository import base
from tests.reconcile.several import Sources
from tests.reconcile.test_several_sources import TEAM


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Twenty machines under one policy that asks for every check of every platform."""
    with controller(tmp_path) as made:
        world = World(made, 7, 20)
        world.policies = {"policy-0": world.policy(0) | ALL}
        for each in world.checks.values():
            each |= {"platforms": ["linux", "windows"]}
        merge_as_planned(world)
        yield world


def accepted(*checks: str) -> dict[str, Any]:
    return {
        "check_ids": list(checks),
        "scope": "global",
        "reason": "Accepted until the vendor answers.",
        "expires_at": "2026-08-30",
    }


def told(body: dict[str, Any], id_: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (each for each in body["operations"] if each["id"] == id_)
    return found


def test_what_another_exception_exempts_already_is_not_newly_exempted(world: World) -> None:
    world.waivers["first"] = accepted("check-1")
    merge_as_planned(world)
    world.waivers["second"] = accepted("check-1", "check-2")
    body = preview(world)
    assert body["impact"]["newly_exempted"]["pairs"] == 20
    assert body["impact"]["exceptions"][0]["pairs"] == 40


def test_what_another_exception_still_exempts_is_not_freed(world: World) -> None:
    world.waivers |= {"first": accepted("check-1"), "second": accepted("check-1", "check-2")}
    merge_as_planned(world)
    kept = world.waivers.pop("first")
    assert preview(world)["impact"]["no_longer_exempted"]["pairs"] == 0
    world.waivers = {"first": kept}
    assert preview(world)["impact"]["no_longer_exempted"]["pairs"] == 20


def test_a_failure_that_no_policy_counts_weighs_nothing(world: World) -> None:
    world.checks["check-1"]["severity"] = "critical"
    world.policies["policy-0"]["exclude_checks"] = ["check-1"]
    merge_as_planned(world)
    world.checks["check-1"]["severity"] = "low"
    assert told(preview(world), "check-1")["fleet"] == {"agents": 0, "failing": 0}
    world.policies["policy-0"]["exclude_checks"] = []
    merge_as_planned(world)
    world.checks["check-1"]["severity"] = "high"
    assert told(preview(world), "check-1")["fleet"]["failing"] > 0


def test_a_new_definition_never_takes_the_bit_of_one_that_is_gone(world: World) -> None:
    """Else machines that reported the old check would seem to have answered the new one."""
    with world.made.store.read() as reading:
        position = reading.in_force().rulebook.positions
    gone = max(world.checks, key=lambda id_: position[id_])
    world.checks.pop(gone)
    merge_as_planned(world)
    world.checks["check-0"]["query"] = "SELECT username FROM users WHERE uid < 77"
    body = preview(world)
    merge_as_planned(world)
    assert body["impact"]["needs_report"] == ["check-0"]
    assert body["impact"]["complete_share"] == 0


def test_a_change_of_settings_alone_is_shown_field_by_field(world: World) -> None:
    files: dict[str, str | None] = {"gitward.yaml": "exceptions: {max_days: 900}\n"}
    previewer = world.made.services.preview
    assert isinstance(previewer, Previewer)
    body = previewer.preview(PlanRequest(files=files), world.made.clock.now)
    assert body["settings"] == [{"field": "exceptions.max_days", "from": 365, "to": 900}]
    assert (body["operations"], body["settings_effect"]) == ([], "weakens")


def test_a_change_cannot_widen_the_limit_that_holds_it(world: World) -> None:
    """Deletions are judged by the settings in force, not by those that come with them."""
    world.waivers = {f"waiver-{number}": accepted("check-1") for number in range(10)}
    merge_as_planned(world)
    gone = {f"exceptions/waiver-{number}.yaml": None for number in range(8)}
    wide = {"gitward.yaml": "prune: {max_percent: 100, max_count: 1000}\n"}
    previewer = world.made.services.preview
    assert isinstance(previewer, Previewer)
    body = previewer.preview(PlanRequest(files={**gone, **wide}), world.made.clock.now)
    assert body["held"] == "PruneBlocked"


def test_what_other_sources_demand_holds_in_a_preview_too(sources: Sources) -> None:
    mine, other = sources.add("mine"), sources.add("other")
    mine.commit(base())
    other.commit({**TEAM, "gitward.yaml": "exceptions: {max_days: 250}\n"})
    for name in ("mine", "other"):
        assert sources.reconcile(name).kind == "applied"
    files = {**base(), "gitward.yaml": "exceptions: {max_days: 300}\napi_writes: deny\n"}
    as_of = datetime(2026, 6, 1, tzinfo=UTC)
    texts = [SourceFile(path, text.encode()) for path, text in files.items() if text]
    head = load(texts, as_of=as_of).configuration
    with sources.store.read() as reading:
        before, was = in_force_now(reading), reading.declared("mine")
        made = plan(before.objects, head, source="mine", as_of=as_of, settings=was.settings)
        projected = project(reading, before, made, head.settings, source="mine", as_of=as_of)
    mine.commit(files)
    assert sources.reconcile("mine").kind == "applied"
    with sources.store.read() as reading:
        now = in_force_now(reading)
    assert projected.rulebook.settings == now.rulebook.settings
    assert projected.rulebook.settings.exceptions.max_days == 250
    assert projected.rulebook.settings.api_writes == "deny"
