"""A forecast says what the store will hold when the day has come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.fleet.exception_findings import exception_findings
from controller.fleet.forecast import forecast
from tests.api.server import Controller, controller
from tests.reconcile.fleets import World

DAYS = 25


def filled(made: Controller, seed: int) -> World:
    world = World(made, seed, 25)
    for number in range(world.random.randint(1, 6)):
        world.waivers[f"waiver-{number}"] = world.waiver()
    world.mutate()
    made.apply(world.files())
    world.settle()
    return world


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_each_day_comes_as_it_was_forecast(seed: int) -> None:
    with TemporaryDirectory() as folder, controller(Path(folder)) as made:
        world = filled(made, seed)
        start = made.clock.now
        with made.store.read() as reading:
            found = forecast(reading, start, DAYS)
        seen = (found.average_score, found.compliant_percentage)
        for number, point in enumerate(found.points):
            made.clock.now = (start + timedelta(days=number)).replace(hour=23, minute=59)
            with made.store.write() as tx:
                flips = tx.pass_instant(made.clock.now)
            world.settle()
            with made.store.read() as reading:
                overall = reading.fleet_totals(made.clock.now).overall
            average = overall.score_sum // overall.assessed / 100 if overall.assessed else None
            share = (
                overall.compliant * 10_000 // overall.assessed / 100 if overall.assessed else None
            )
            assert (point.average_score, point.compliant_percentage) == (average, share)
            assert bool(point.turns) == bool(flips)
            if seen != (average, share):
                assert point.agents_changed
                assert point.turns
            seen = (average, share)


@pytest.fixture
def made(tmp_path: Path):
    with controller(tmp_path) as made:
        yield made


WIDE = {"check_id": "check-1", "scope": "global", "reason": "Accepted for the tests."}


def plain(made: Controller) -> World:
    """Every machine has one policy with two checks; check-1 fails on few, check-2 on none."""
    world = World(made, 3, 0)
    query = {"query": "SELECT username FROM users", "comparison_operator": "equals"}
    for id_ in ("check-1", "check-2", "check-3"):
        world.checks[id_] |= {
            "cis_level": "level_1", "platforms": ["linux", "windows"], **query,
            "expected_result": {"username": "good"},
        }  # fmt: skip
    world.policies = {
        "all": {"name": "All", "cis_level": "level_1", "target_os": "all",
                "include_checks": ["check-1", "check-2", "check-3"]}
    }  # fmt: skip
    made.apply(world.files())
    from tests.builders import add_key, enroll, make_report, submit

    with made.store.write() as tx:
        add_key(tx)
        for number in range(12):
            machine = enroll(tx, f"t{number}", at=made.clock.now)
            outcomes = {"check-1": "failed" if number == 0 else "passed", "check-2": "passed"}
            submit(
                tx, machine, f"t{number}", make_report(outcomes, at=made.clock.now), made.clock.now
            )
            world.machines.append((machine, f"t{number}"))
    return world


def found(world: World, days: int = 30) -> dict[str, tuple[str, ...]]:
    made = world.made
    made.apply(world.files())
    with made.store.read() as reading:
        items = exception_findings(reading, made.clock.now, days).items
    return {each.id: each.findings for each in items}


def test_an_exception_that_no_failing_machine_needs_is_unused(made: Controller) -> None:
    world = plain(made)
    world.waivers = {
        "needed": WIDE | {"expires_at": "2026-12-31"},
        "unneeded": WIDE | {"check_id": "check-2", "expires_at": "2026-12-31"},
        "unknown": WIDE | {"check_id": "check-3", "expires_at": "2026-12-31"},
    }
    told = found(world)
    assert "unused" not in told["needed"]
    assert told["unneeded"] == ("unused",)
    assert told["unknown"] == ()


def test_one_that_covers_many_and_hides_few_is_too_broad(made: Controller) -> None:
    world = plain(made)
    uuid = world.machines[0][0].uuid
    world.waivers = {"wide": WIDE | {"expires_at": "2026-12-31"}}
    assert found(world) == {"wide": ("too_broad",)}
    world.waivers = {
        "narrow": WIDE | {"scope": "agent", "agent_uuid": uuid, "expires_at": "2026-12-31"}
    }
    assert found(world) == {"narrow": ()}


def test_the_shorter_of_two_that_exempt_the_same_is_redundant(made: Controller) -> None:
    world = plain(made)
    uuid = world.machines[0][0].uuid
    narrow = WIDE | {"scope": "agent", "agent_uuid": uuid, "expires_at": "2026-09-01"}
    world.waivers = {"narrow": narrow, "wide": WIDE | {"expires_at": "2026-12-31"}}
    assert found(world)["narrow"] == ("redundant",)
    world.waivers["narrow"] = narrow | {"expires_at": "2027-01-31"}
    assert found(world)["narrow"] == ()


def test_an_exception_for_one_policy_never_makes_a_global_one_redundant(made: Controller) -> None:
    world = plain(made)
    world.policies["other"] = world.policies["all"] | {"name": "Other"}
    world.waivers = {
        "a-policy": WIDE | {"scope": "policy", "policy_id": "all", "expires_at": "2027-01-31"},
        "everywhere": WIDE | {"expires_at": "2026-12-31"},
    }
    told = found(world)
    assert "redundant" not in told["everywhere"]
    assert "redundant" not in told["a-policy"]


def test_one_that_ends_within_the_days_asked_for_is_expiring(made: Controller) -> None:
    world = plain(made)
    world.waivers = {"soon": WIDE | {"expires_at": "2026-06-15"}}
    assert "expiring" in found(world)["soon"]
    assert "expiring" not in found(world, 10)["soon"]
