"""Take reports: a bounded queue, one batch after the other, group commit.

Whoever submits a report waits until the transaction that holds it is on disk. When there is no room,
nothing is taken and the caller is told when to come back.

Reports come in and are answered on one event loop, which begins every batch. Where that is not done
without waiting, a thread does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from controller.errors import ControllerError, OverloadedError
from controller.intake.recorder.interface import Outcomes, Recorder
from controller.intake.return_times import ReturnTimes
from controller.intake.room import Room
from controller.store.port.reports import Receipt, Submission

MOST_WAITING: Final = 2_000
"""Reports that may wait; more are refused."""
MOST_AT_ONCE: Final = 200
"""Reports in one transaction; it bounds how long one waits for its commit."""
MOST_BYTES_AT_ONCE: Final = 16 * 1024 * 1024
"""Their bytes in one transaction; the last one may go beyond."""
_LOOK_AFTER: Final = 32
"""Reports of a crowd that come in between two looks at whether a batch is done."""
_log = logging.getLogger(__name__)


class Waiter(Protocol):
    """Who waits on the event loop, where it is told: an ``asyncio.Future``, or what acts like one."""

    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def done(self) -> bool: ...
    def set_result(self, receipt: Receipt, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


Entry = tuple[Submission, Waiter, int]
"""A report, who waits for it, and how many bytes are held for it."""


class Intake:
    """The way in for reports. One per controller; used on one event loop, but for its start and stop."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        most_waiting: int = MOST_WAITING,
        most_at_once: int = MOST_AT_ONCE,
        room: Room | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the intake.

        Args:
            recorder: Puts them on disk.
            most_waiting: The queue's bound.
            most_at_once: The bound of one transaction.
            room: The bound on the bytes that are held.
            monotonic: Seconds that never go back.
        """
        self._recorder = recorder
        self._most_waiting = most_waiting
        self._most_at_once = most_at_once
        self.room = room or Room()
        self._return_times = ReturnTimes(monotonic)
        self._waiting: deque[Entry] = deque()
        self._begun: Sequence[Entry] = ()
        self._finished: deque[tuple[Sequence[Entry], Outcomes]] = deque()
        self._busy = self._due = False
        self._unseen = 0
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, "intake")

    @property
    def waiting(self) -> int:
        """Reports that wait for a transaction."""
        return len(self._waiting)

    def start(self) -> None:
        """Get ready."""
        self._recorder.start()

    def stop(self) -> None:
        """Refuse what comes, and return when all that was taken is on disk.

        The event loop must have ended, or have nothing to do with this.
        """
        self._stopping = True
        self._thread.shutdown()
        self._recorder.stop()
        # Of what was begun, that which is on disk already is known again.
        left = [*self._begun, *self._waiting]
        self._begun = ()
        self._waiting.clear()
        for first in range(0, len(left), self._most_at_once):
            batch = left[first : first + self._most_at_once]
            self._finish(batch, partial(self._recorder.record, [each for each, _, _ in batch]))

    @property
    def full(self) -> bool:
        """Whether nothing more is taken just now: too many reports, or bytes, or this is stopping."""
        return len(self._waiting) >= self._most_waiting or self.room.full or self._stopping

    def refusal(self, machine_uuid: str) -> OverloadedError:
        """What a machine is told whose report there is no room for."""
        self._look()
        seconds = self._return_times.seconds(machine_uuid, len(self._waiting))
        return OverloadedError(
            "the controller has more reports waiting than it takes; "
            f"send this one again in {seconds} s",
            seconds,
        )

    def queue(self, submission: Submission, waiter: Waiter, size: int) -> None:
        """Queue a report of so many bytes; its waiter is told what became of it.

        Raises:
            OverloadedError: Nothing more is taken just now.
        """
        self._look()
        if self.full:
            raise self.refusal(submission.machine_uuid)
        self.room.take(size)
        self._waiting.append((submission, waiter, size))
        if not self._busy:
            self._busy = self._due = True
            # Not at once: what came in together goes together.
            waiter.get_loop().call_soon(self._begin_due)
        elif self._due and len(self._waiting) >= self._most_at_once:
            self._begin_due()  # a crowd; who else is coming makes no difference

    async def submit(self, submission: Submission, size: int) -> Receipt:
        """Take a report of so many bytes; return when it is on disk.

        Raises:
            OverloadedError: Nothing more is taken just now.
            UnauthenticatedError: The token no longer speaks for the machine.
            StoreUnavailableError: The store is locked, full or gone; nothing was taken.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        self.queue(submission, future, size)
        return await future

    def _look(self) -> None:
        """Look now and then whether a batch is done: of a crowd, the event loop comes to that last."""
        self._unseen += 1
        if self._unseen >= _LOOK_AFTER and len(self._waiting) >= self._most_at_once:
            self._unseen = 0
            self._recorder.look()
            self._settle_finished()

    def _begin_due(self) -> None:
        if self._due:
            self._due = False
            self._begin()

    def _begin(self) -> None:
        """Hand over the next batch, if there is one."""
        self._begun = self._next()
        self._busy = bool(self._begun)
        if self._busy:
            self._return_times.begin()
            submissions = [each for each, _, _ in self._begun]
            try:
                self._recorder.begin(submissions, self._told)
            except Exception:  # noqa: BLE001 - each report must be told; the thread sees to that
                self._told(partial(self._recorder.record, submissions))

    def _next(self) -> list[Entry]:
        """What goes together next."""
        found: list[Entry] = []
        size = 0
        while self._waiting and len(found) < self._most_at_once and size < MOST_BYTES_AT_ONCE:
            found.append(self._waiting.popleft())
            size += found[-1][2]
        return found

    def _told(self, outcomes: Outcomes | Callable[[], Outcomes]) -> None:
        """Go on with what was begun."""
        batch, self._begun = self._begun, ()
        if callable(outcomes):
            self._thread.submit(self._finish, batch, outcomes)
        else:
            self._settle(batch, outcomes)

    def _settle(self, batch: Sequence[Entry], outcomes: Outcomes) -> None:
        """Tell who waits; the next batch is recorded meanwhile."""
        size = sum([each for _, _, each in batch])
        if len(batch) == self._most_at_once or size >= MOST_BYTES_AT_ONCE:
            self._return_times.crowd_taken(len(batch))
        self.room.give_back(size)
        self._begin()
        for (_, waiter, _), outcome in zip(batch, outcomes, strict=True):
            try:
                if waiter.done():  # who waited may have gone away
                    continue
                if isinstance(outcome, Exception):
                    waiter.set_exception(outcome)
                else:
                    waiter.set_result(outcome)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others waiting
                _log.exception("this is a bug")

    def _finish(self, batch: Sequence[Entry], work: Callable[[], Outcomes]) -> None:
        """Do what has to be waited for, away from the event loop."""
        try:
            outcomes = work()
        except ControllerError as error:
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - the thread must live; the caller is told
            outcomes = [error] if len(batch) == 1 else [self._alone(each) for each, _, _ in batch]
        self._finished.append((batch, outcomes))
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            batch[0][1].get_loop().call_soon_threadsafe(self._settle_finished)

    def _settle_finished(self) -> None:
        """Go on with what the thread has done."""
        if self._finished:
            self._settle(*self._finished.popleft())

    def _alone(self, submission: Submission) -> Receipt | Exception:
        """One report must not take the others down with it: each is tried alone, once."""
        try:
            return self._recorder.record([submission])[0]
        except Exception as error:  # noqa: BLE001 - as above
            return error
