from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller.schedule.clock import SteadyClock
from controller.schedule.loop import Timekeeper
from controller.store.rescoring import Rescoring
from controller.store.store import SqlStore, open_store
from tests.builders import (
    NOW,
    add_key,
    enroll,
    make_check,
    make_policy,
    make_report,
    make_waiver,
    submit,
)

SECOND = timedelta(seconds=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW
        self.ticks = 0.0

    def __call__(self) -> datetime:
        return self.now

    def elapsed(self) -> float:
        return self.ticks

    def pass_(self, time: timedelta) -> None:
        self.now += time
        self.ticks += time.total_seconds()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    with opened.write() as tx:
        tx.seed_checks([make_check()], actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(), actor="t", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "token")
        submit(tx, machine, "token", make_report({"check-1": "failed"}))
    yield opened
    opened.close()


def score(store: SqlStore, at: datetime) -> int | None:
    with store.read() as reading:
        totals = reading.fleet_totals(at).overall
        return totals.score_sum if totals.assessed else None


def test_scores_flip_at_the_instant_an_exception_starts_and_ends(
    store: SqlStore, clock: Clock
) -> None:
    starts, ends = NOW + timedelta(minutes=10), NOW + timedelta(minutes=20)
    with store.write() as tx:
        waiver = make_waiver(starts_at=starts, expires_at=ends)
        tx.put_object("exception", waiver, actor="t", as_of=NOW, create=True)
    keeper = Timekeeper(store, clock)
    seen = []
    for at in (starts - SECOND, starts, ends - SECOND, ends):
        clock.now = at
        while keeper.step():
            pass
        seen.append(score(store, at))

    assert seen == [0, None, None, 0]


def test_an_exception_that_ended_does_not_come_back_when_the_clock_does(
    store: SqlStore, clock: Clock
) -> None:
    ends = NOW + timedelta(minutes=20)
    with store.write() as tx:
        waiver = make_waiver(expires_at=ends)
        tx.put_object("exception", waiver, actor="t", as_of=NOW, create=True)
    keeper = Timekeeper(store, clock)
    clock.now = ends
    while keeper.step():
        pass

    clock.now = NOW
    while keeper.step():
        pass

    assert score(store, NOW) == 0
    with store.read() as reading:
        assert reading.moment(NOW).active == frozenset()


def test_a_fleet_wide_change_is_finished_step_by_step(
    store: SqlStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rescoring, "in_place", 0)
    with store.write() as tx:
        waiver = make_waiver(expires_at=NOW + timedelta(days=1))
        tx.put_object("exception", waiver, actor="t", as_of=NOW, create=True)
    assert score(store, NOW) == 0
    keeper = Timekeeper(store, clock)

    while keeper.step():
        pass

    assert score(store, NOW) is None


@pytest.mark.parametrize(
    "jump", [timedelta(days=400), timedelta(hours=-2)], ids=["forward", "back"]
)
def test_a_jump_of_the_wall_clock_does_not_move_time(clock: Clock, jump: timedelta) -> None:
    steady = SteadyClock(clock, clock.elapsed)
    clock.pass_(timedelta(hours=1))
    assert steady() == NOW + timedelta(hours=1)

    clock.now += jump
    clock.pass_(10 * SECOND)

    assert steady() == NOW + timedelta(hours=1, seconds=10)
    assert steady.trusted is False


def test_time_is_trusted_again_when_the_clocks_agree(clock: Clock) -> None:
    steady = SteadyClock(clock, clock.elapsed)
    clock.now += timedelta(days=1)
    steady()
    clock.now -= timedelta(days=1)
    clock.pass_(SECOND)

    assert steady() == NOW + SECOND
    assert steady.trusted is True


def test_slow_corrections_never_add_up_to_a_jump(clock: Clock) -> None:
    steady = SteadyClock(clock, clock.elapsed)
    for _ in range(100):
        clock.pass_(timedelta(hours=1))
        clock.now += 30 * SECOND
        assert steady() == clock.now

    assert steady.trusted is True
