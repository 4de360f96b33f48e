from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from controller.errors import OverloadedError, StoreUnavailableError, UnauthenticatedError
from controller.intake.intake import MOST_BYTES_AT_ONCE, Intake
from controller.intake.recorder.direct import DirectRecorder
from controller.intake.room import Room
from controller.model.machine import Machine
from controller.store.port.reports import Submission
from controller.store.store import SqlStore
from tests.builders import NOW, make_report, sha
from tests.intake.on_a_loop import hand_in, on_a_loop

WAIT = 20


class CountingStore:
    """A store that counts transactions, and can be made to hold or fail the next one."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.transactions = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def write(self) -> Iterator[Any]:
        self.entered.set()
        assert self.gate.wait(WAIT)
        if self.error is not None:
            raise self.error
        self.transactions += 1
        with self._store.write() as tx:
            yield tx


_moments = itertools.count(1)


def submission(machine: Machine, token: str = "token", **outcomes: str) -> Submission:
    """A report; each is collected after the one before."""
    at = NOW + timedelta(seconds=next(_moments))
    return Submission(
        machine.uuid, sha(token), make_report(outcomes or {"c0": "passed"}, at=at), at
    )


@on_a_loop
async def test_reports_that_wait_together_share_one_transaction(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    intake = Intake(DirectRecorder(counting))
    counting.gate.clear()
    intake.start()
    first = hand_in(intake, submission(machine))
    assert await asyncio.to_thread(counting.entered.wait, WAIT)
    rest = [hand_in(intake, submission(machine)) for _ in range(50)]
    counting.gate.set()

    await asyncio.wait_for(asyncio.gather(first, *rest), WAIT)
    intake.stop()

    assert counting.transactions == 2


@on_a_loop
async def test_reports_that_come_in_together_share_one_transaction_too(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    intake = Intake(DirectRecorder(counting))
    both = [hand_in(intake, submission(machine)) for _ in range(2)]

    await asyncio.wait_for(asyncio.gather(*both), WAIT)
    intake.stop()

    assert counting.transactions == 1


@on_a_loop
async def test_no_transaction_takes_more_than_its_bound(store: SqlStore, machine: Machine) -> None:
    counting = CountingStore(store)
    intake = Intake(DirectRecorder(counting), most_at_once=20)
    taken = [hand_in(intake, submission(machine)) for _ in range(50)]

    await asyncio.wait_for(asyncio.gather(*taken), WAIT)
    intake.stop()

    assert counting.transactions == 3


@on_a_loop
async def test_no_transaction_takes_many_large_reports(store: SqlStore, machine: Machine) -> None:
    counting = CountingStore(store)
    intake = Intake(DirectRecorder(counting))
    taken = [hand_in(intake, submission(machine), MOST_BYTES_AT_ONCE // 2) for _ in range(6)]

    await asyncio.wait_for(asyncio.gather(*taken), WAIT)
    intake.stop()

    assert counting.transactions == 3


@on_a_loop
async def test_a_crowd_is_begun_before_the_loop_has_heard_all_of_it(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store), most_at_once=20)
    taken = [hand_in(intake, submission(machine)) for _ in range(50)]

    assert intake.waiting == 30

    await asyncio.wait_for(asyncio.gather(*taken), WAIT)
    intake.stop()


@on_a_loop
async def test_a_full_queue_refuses_and_says_when_to_come_back(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store), most_waiting=2)
    taken = [hand_in(intake, submission(machine)) for _ in range(2)]

    with pytest.raises(OverloadedError) as refused:
        hand_in(intake, submission(machine))

    assert refused.value.retry_after == 1
    assert [each.accepted for each in await asyncio.gather(*taken)] == [1, 1]
    assert (await hand_in(intake, submission(machine))).accepted == 1
    intake.stop()


@on_a_loop
async def test_a_crowd_of_few_large_reports_tells_how_long_they_take(
    store: SqlStore, machine: Machine
) -> None:
    seconds = itertools.count(step=8)  # for each look at the clock
    intake = Intake(DirectRecorder(store), most_waiting=2, monotonic=lambda: float(next(seconds)))
    large = [hand_in(intake, submission(machine), MOST_BYTES_AT_ONCE // 2) for _ in range(2)]
    await asyncio.wait_for(asyncio.gather(*large), WAIT)
    taken = [hand_in(intake, submission(machine)) for _ in range(2)]

    with pytest.raises(OverloadedError) as refused:
        hand_in(intake, submission(machine))

    assert refused.value.retry_after > 5  # 4 s for each of the two that wait, and for itself
    await asyncio.wait_for(asyncio.gather(*taken), WAIT)
    intake.stop()


@on_a_loop
async def test_reports_wait_for_no_more_bytes_than_there_is_room_for(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store), room=Room(1_000))
    taken = [hand_in(intake, submission(machine), 500) for _ in range(2)]

    with pytest.raises(OverloadedError):
        hand_in(intake, submission(machine), 1)

    assert [each.accepted for each in await asyncio.gather(*taken)] == [1, 1]
    assert intake.room.held == 0
    intake.stop()


@on_a_loop
async def test_a_report_refused_for_its_token_does_not_harm_its_neighbours(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store))
    bad = hand_in(intake, submission(machine, token="stolen"))
    good = hand_in(intake, submission(machine))

    assert (await good).accepted == 1
    with pytest.raises(UnauthenticatedError):
        await bad
    intake.stop()


@on_a_loop
async def test_when_the_store_is_gone_everyone_is_told_and_later_reports_are_taken(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    counting.error = StoreUnavailableError("the disk is full")
    intake = Intake(DirectRecorder(counting))
    with pytest.raises(StoreUnavailableError):
        await intake.submit(submission(machine), 1)

    counting.error = None

    assert (await intake.submit(submission(machine), 1)).accepted == 1
    intake.stop()


@on_a_loop
async def test_a_report_that_meets_a_bug_is_tried_alone_and_others_are_taken_after_it(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    counting.error = ZeroDivisionError("a bug")
    intake = Intake(DirectRecorder(counting))
    for future in [hand_in(intake, submission(machine)) for _ in range(2)]:
        with pytest.raises(ZeroDivisionError):
            await future

    counting.error = None

    assert (await intake.submit(submission(machine), 1)).accepted == 1
    intake.stop()


@on_a_loop
async def test_whoever_gave_up_waiting_does_not_keep_the_others_waiting(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store))
    gone = hand_in(intake, submission(machine))
    other = hand_in(intake, submission(machine))
    gone.cancel()

    assert (await other).accepted == 1
    intake.stop()


@on_a_loop
async def test_stopping_writes_what_was_taken_and_refuses_what_comes(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store))
    taken = hand_in(intake, submission(machine, c1="failed"))
    intake.stop()

    with pytest.raises(OverloadedError):
        hand_in(intake, submission(machine))
    with store.read() as reading:
        assert reading.fleet_totals(NOW).overall.assessed == 1
    assert (await taken).accepted == 1


def test_what_was_taken_is_written_also_when_its_loop_has_ended(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    intake = Intake(DirectRecorder(counting))
    counting.gate.clear()

    @on_a_loop
    async def hand_in_and_end() -> None:
        hand_in(intake, submission(machine))
        assert await asyncio.to_thread(counting.entered.wait, WAIT)
        hand_in(intake, submission(machine, c1="failed"))

    hand_in_and_end()
    counting.gate.set()
    intake.stop()

    assert counting.transactions == 2
    with store.read() as reading:
        assert len(reading.outcome_history(machine.uuid, NOW)) == 2
