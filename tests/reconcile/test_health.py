"""The Healthy condition: what the revision in force does on the machines."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from controller.model.conditions import HEALTHY_REASONS, ConditionStatus
from controller.model.machine import Machine
from controller.model.notice import Subscription
from controller.reconcile.health import Effect, HealthWatch, judge, turned
from controller.store.port.fleet import CheckTotals
from tests.builders import add_key, enroll, make_report, submit
from tests.reconcile.repository import base, catalog
from tests.reconcile.rig import Rig

FINE = CheckTotals(3, 1, 0, 0)
BROKEN = CheckTotals(0, 0, 4, 0)
GOOD: dict[str, Any] = {"machines": 4, "overdue": 0, "rescoring": False, "reported": True}


@pytest.mark.parametrize(
    ("changed", "checks", "told"),
    [
        ({}, {"a": FINE}, ("True", "Evaluated")),
        ({}, {}, ("True", "Evaluated")),
        ({"machines": 0}, {"a": BROKEN}, ("Unknown", "NoMachines")),
        ({"overdue": 2}, {"a": FINE}, ("True", "Evaluated")),
        ({"overdue": 3}, {"a": FINE}, ("False", "MachinesSilent")),
        ({}, {"a": FINE, "b": BROKEN}, ("False", "ChecksErroring")),
        ({}, {"a": CheckTotals(0, 1, 9, 0)}, ("True", "Evaluated")),
        ({}, {"a": CheckTotals(0, 0, 9, 1)}, ("True", "Evaluated")),
        ({"rescoring": True}, {"a": FINE}, ("Unknown", "Rescoring")),
        ({"reported": False}, {"a": FINE}, ("Unknown", "AwaitingReports")),
    ],
)
def test_what_is_seen_has_one_reason_worst_first(
    changed: dict[str, int], checks: dict[str, CheckTotals], told: tuple[str, str]
) -> None:
    status, reason, _ = judge(Effect(revision="main@sha1:1", checks=checks, **(GOOD | changed)))
    assert (status, reason) == told
    assert reason in HEALTHY_REASONS


def test_checks_that_no_machine_can_evaluate_are_named_up_to_five() -> None:
    effect = Effect(revision="r", checks={f"c{n}": BROKEN for n in range(7)}, **GOOD)
    assert judge(effect)[2] == "no machine can evaluate: c0, c1, c2, c3, c4 and 2 more"


def test_only_turning_bad_and_back_is_news() -> None:
    words = get_args(ConditionStatus)
    news = {(a, b) for a in words for b in words if turned(a, b)}
    assert news == {("True", "False"), ("Unknown", "False"), ("False", "True")}


@pytest.fixture
def watch(rig: Rig) -> HealthWatch:
    with rig.store.write() as writing:
        writing.subscribe([Subscription("ops", sources=("default",))])
        add_key(writing)
    return HealthWatch(rig.store, rig.clock)


def look(rig: Rig, watch: HealthWatch) -> tuple[str, str] | None:
    watch.step()
    found = rig.status.condition("Healthy")
    return (found.status, found.reason) if found else None


def report(rig: Rig, machine: Machine, **outcomes: str) -> None:
    rig.clock.forward(seconds=1)
    now = rig.clock()
    with rig.store.write() as writing:
        submit(writing, machine, "token", make_report(outcomes, at=now), now)


def test_a_revision_becomes_healthy_by_what_machines_report_and_both_turns_are_told(
    rig: Rig, watch: HealthWatch
) -> None:
    rig.reconciler.register()
    assert look(rig, watch) is None
    rig.commit(base())
    rig.reconcile()
    assert look(rig, watch) == ("Unknown", "NoMachines")
    with rig.store.write() as writing:
        machine = enroll(writing, "token", at=rig.clock())
    assert look(rig, watch) == ("Unknown", "AwaitingReports")
    ids = rig.ids("check")
    report(rig, machine, **dict.fromkeys(ids, "error"))
    assert look(rig, watch) == ("False", "ChecksErroring")
    report(rig, machine, **dict.fromkeys(ids, "failed"))
    assert look(rig, watch) == ("True", "Evaluated")
    ready = rig.status.condition("Ready")
    assert ready
    assert ready.status == "True"
    with rig.store.read() as reading:
        told = [each.reason for each in reversed(reading.notices(1, 9, dead=False).items)]
    assert told == ["Applied", "ChecksErroring", "Evaluated"]


def test_a_fleet_that_falls_silent_is_noticed_though_nothing_is_written(
    rig: Rig, watch: HealthWatch
) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.write() as writing:
        machine = enroll(writing, "token", at=rig.clock())
    report(rig, machine, **dict.fromkeys(rig.ids("check"), "passed"))
    assert look(rig, watch) == ("True", "Evaluated")
    rig.clock.forward(days=60)
    assert look(rig, watch) == ("False", "MachinesSilent")


def test_nothing_is_written_while_nothing_changes(rig: Rig, watch: HealthWatch) -> None:
    rig.commit(base())
    rig.reconcile()
    look(rig, watch)
    with rig.store.read() as reading:
        change = reading.change()
    for _ in range(3):
        rig.clock.forward(minutes=2)
        assert watch.step() == 0
    with rig.store.read() as reading:
        assert reading.change() == change


def test_a_commit_that_mends_the_broken_check_waits_for_machines_again(
    rig: Rig, watch: HealthWatch
) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.write() as writing:
        machine = enroll(writing, "token", at=rig.clock())
    report(rig, machine, **dict.fromkeys(rig.ids("check"), "error"))
    assert look(rig, watch) == ("False", "ChecksErroring")
    mended = catalog("one", "two", "three", query="SELECT uid AS state FROM users")
    rig.commit({"checks/base.yaml": mended})
    rig.reconcile()
    assert look(rig, watch) == ("Unknown", "AwaitingReports")
