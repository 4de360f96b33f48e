"""Take reports: a bounded queue, one batch after the other, group commit.

Whoever submits a report waits until the transaction that holds it is on disk. When the queue is
full, nothing is taken and the caller is told when to come back.

Reports come in and are answered on one event loop, which begins every batch. Where that is not done
without waiting, a thread does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from controller.errors import ControllerError, OverloadedError
from controller.intake.recorder.interface import Outcomes, Recorder
from controller.store.port.reports import Receipt, Submission

MOST_WAITING: Final = 2_000
"""Reports that may wait; more are refused."""
MOST_AT_ONCE: Final = 200
"""Reports in one transaction; it bounds how long one waits for its commit."""
_RETRY_SECONDS: Final = (2, 15)
_log = logging.getLogger(__name__)


class Waiter(Protocol):
    """Who waits on the event loop, where it is told: an ``asyncio.Future``, or what acts like one."""

    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def done(self) -> bool: ...
    def set_result(self, receipt: Receipt, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


Batch = Sequence[tuple[Submission, Waiter]]


class Intake:
    """The way in for reports. One per controller; used on one event loop, but for its start and stop."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        most_waiting: int = MOST_WAITING,
        most_at_once: int = MOST_AT_ONCE,
        jitter: Callable[[int, int], int] = random.randint,
    ) -> None:
        """Make the intake.

        Args:
            recorder: Puts them on disk.
            most_waiting: The queue's bound.
            most_at_once: The bound of one transaction.
            jitter: Picks ``Retry-After`` between two bounds, so that a herd comes back spread out.
        """
        self._recorder = recorder
        self._most_waiting = most_waiting
        self._most_at_once = most_at_once
        self._jitter = jitter
        self._waiting: deque[tuple[Submission, Waiter]] = deque()
        self._begun: Batch = ()
        self._busy = False
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
            self._finish(batch, partial(self._recorder.record, [each for each, _ in batch]))

    def queue(self, submission: Submission, waiter: Waiter) -> None:
        """Queue a report; its waiter is told what became of it.

        Raises:
            OverloadedError: The queue is full, or the controller is stopping.
        """
        if self._stopping or len(self._waiting) >= self._most_waiting:
            seconds = self._jitter(*_RETRY_SECONDS)
            raise OverloadedError(
                "the controller has more reports waiting than it takes; "
                f"send this one again in {seconds} s",
                seconds,
            )
        self._waiting.append((submission, waiter))
        if not self._busy:
            self._busy = True
            # Not at once: what came in together goes together.
            waiter.get_loop().call_soon(self._begin)

    async def submit(self, submission: Submission) -> Receipt:
        """Take a report; return when it is on disk.

        Raises:
            OverloadedError: The queue is full; nothing was taken.
            UnauthenticatedError: The token no longer speaks for the machine.
            StoreUnavailableError: The store is locked, full or gone; nothing was taken.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        self.queue(submission, future)
        return await future

    def _begin(self) -> None:
        """Hand over the next batch, if there is one."""
        count = min(len(self._waiting), self._most_at_once)
        self._busy = count > 0
        if self._busy:
            self._begun = [self._waiting.popleft() for _ in range(count)]
            submissions = [each for each, _ in self._begun]
            try:
                self._recorder.begin(submissions, self._told)
            except Exception:  # noqa: BLE001 - each report must be told; the thread sees to that
                self._told(partial(self._recorder.record, submissions))

    def _told(self, outcomes: Outcomes | Callable[[], Outcomes]) -> None:
        """Go on with what was begun."""
        batch, self._begun = self._begun, ()
        if callable(outcomes):
            self._thread.submit(self._finish, batch, outcomes)
        else:
            self._settle(batch, outcomes)

    def _settle(self, batch: Batch, outcomes: Outcomes) -> None:
        """Tell who waits; the next batch is recorded meanwhile."""
        self._begin()
        for (_, waiter), outcome in zip(batch, outcomes, strict=True):
            try:
                if waiter.done():  # who waited may have gone away
                    continue
                if isinstance(outcome, Exception):
                    waiter.set_exception(outcome)
                else:
                    waiter.set_result(outcome)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others waiting
                _log.exception("this is a bug")

    def _finish(self, batch: Batch, work: Callable[[], Outcomes]) -> None:
        """Do what has to be waited for, away from the event loop."""
        try:
            outcomes = work()
        except ControllerError as error:
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - the thread must live; the caller is told
            outcomes = [error] if len(batch) == 1 else [self._alone(each) for each, _ in batch]
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop = batch[0][1].get_loop()
            loop.call_soon_threadsafe(self._settle, batch, outcomes)

    def _alone(self, submission: Submission) -> Receipt | Exception:
        """One report must not take the others down with it: each is tried alone, once."""
        try:
            return self._recorder.record([submission])[0]
        except Exception as error:  # noqa: BLE001 - as above
            return error
