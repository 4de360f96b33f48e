from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from controller.errors import OverloadedError, StoreUnavailableError, UnauthenticatedError
from controller.intake.intake import Intake
from controller.intake.recorder.direct import DirectRecorder
from controller.model.machine import Machine
from controller.store.port.reports import Submission
from controller.store.store import SqlStore
from tests.builders import NOW, make_report, sha

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


def test_reports_that_wait_together_share_one_transaction(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    intake = Intake(DirectRecorder(counting))
    counting.gate.clear()
    intake.start()
    first = intake.hand_in(submission(machine))
    assert counting.entered.wait(WAIT)
    rest = [intake.hand_in(submission(machine)) for _ in range(50)]
    counting.gate.set()

    for future in (first, *rest):
        future.result(WAIT)
    intake.stop()

    assert counting.transactions == 2


def test_a_full_queue_refuses_and_says_when_to_come_back(store: SqlStore, machine: Machine) -> None:
    intake = Intake(
        DirectRecorder(store), most_waiting=2, jitter=lambda low, high: (low + high) // 2
    )
    taken = [intake.hand_in(submission(machine)) for _ in range(2)]

    with pytest.raises(OverloadedError) as refused:
        intake.hand_in(submission(machine))

    assert refused.value.retry_after == 8
    intake.start()
    intake.stop()
    assert [each.result(WAIT).accepted for each in taken] == [1, 1]


def test_a_report_refused_for_its_token_does_not_harm_its_neighbours(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store))
    bad = intake.hand_in(submission(machine, token="stolen"))
    good = intake.hand_in(submission(machine))
    intake.start()

    assert good.result(WAIT).accepted == 1
    with pytest.raises(UnauthenticatedError):
        bad.result(WAIT)
    intake.stop()


def test_when_the_store_is_gone_everyone_is_told_and_later_reports_are_taken(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    counting.error = StoreUnavailableError("the disk is full")
    intake = Intake(DirectRecorder(counting))
    failed = intake.hand_in(submission(machine))
    intake.start()
    with pytest.raises(StoreUnavailableError):
        failed.result(WAIT)

    counting.error = None

    assert intake.hand_in(submission(machine)).result(WAIT).accepted == 1
    intake.stop()


def test_a_report_that_meets_a_bug_is_tried_alone_and_the_writer_lives(
    store: SqlStore, machine: Machine
) -> None:
    counting = CountingStore(store)
    counting.error = ZeroDivisionError("a bug")
    intake = Intake(DirectRecorder(counting))
    both = [intake.hand_in(submission(machine)) for _ in range(2)]
    intake.start()
    for future in both:
        with pytest.raises(ZeroDivisionError):
            future.result(WAIT)

    counting.error = None

    assert intake.hand_in(submission(machine)).result(WAIT).accepted == 1
    intake.stop()


def test_stopping_writes_what_was_taken_and_refuses_what_comes(
    store: SqlStore, machine: Machine
) -> None:
    intake = Intake(DirectRecorder(store))
    taken = intake.hand_in(submission(machine, c1="failed"))
    intake.start()
    intake.stop()

    assert taken.result(0).accepted == 1
    with pytest.raises(OverloadedError):
        intake.hand_in(submission(machine))
    with store.read() as reading:
        assert reading.fleet_totals(NOW).overall.assessed == 1
