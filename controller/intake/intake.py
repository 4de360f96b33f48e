"""Take reports: a bounded queue, one writer, group commit.

Whoever submits a report waits until the transaction that holds it is on disk. When the queue is
full, nothing is taken and the caller is told when to come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

from controller.errors import ControllerError, OverloadedError
from controller.intake.recorder.interface import Recorder
from controller.store.port.reports import Receipt, Submission

MOST_WAITING: Final = 2_000
"""Reports that may wait; more are refused."""
MOST_AT_ONCE: Final = 200
"""Reports in one transaction; it bounds how long one waits for its commit."""
_RETRY_SECONDS: Final = (2, 15)
_log = logging.getLogger(__name__)


class LoopWaiter(Protocol):
    """Who waits on an event loop, where it is told: an ``asyncio.Future``, or what acts like one."""

    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def done(self) -> bool: ...
    def set_result(self, receipt: Receipt, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


Waiter = Future[Receipt] | LoopWaiter
Waiting = tuple[Submission, Waiter]


class Intake:
    """The way in for reports. One per controller."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        most_waiting: int = MOST_WAITING,
        most_at_once: int = MOST_AT_ONCE,
        jitter: Callable[[int, int], int] = random.randint,
    ) -> None:
        """Make the intake; ``start`` begins to write.

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
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._idle = False
        self._writer = threading.Thread(target=self._write, name="intake", daemon=True)

    @property
    def waiting(self) -> int:
        """Reports that wait for a transaction."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write."""
        self._recorder.start()
        self._writer.start()

    def stop(self) -> None:
        """Write what was taken, refuse what comes, and return when the writer is done."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._writer.is_alive():
            self._writer.join()
        self._recorder.stop()

    def hand_in(self, submission: Submission) -> Future[Receipt]:
        """Queue a report; the future resolves when it is on disk.

        Raises:
            OverloadedError: The queue is full, or the controller is stopping.
        """
        future: Future[Receipt] = Future()
        self.queue(submission, future)
        return future

    def queue(self, submission: Submission, waiter: Waiter) -> None:
        """Queue a report; its waiter is told what became of it.

        Raises:
            OverloadedError: The queue is full, or the controller is stopping.
        """
        with self._changed:
            if self._stopping or len(self._waiting) >= self._most_waiting:
                seconds = self._jitter(*_RETRY_SECONDS)
                raise OverloadedError(
                    "the controller has more reports waiting than it takes; "
                    f"send this one again in {seconds} s",
                    seconds,
                )
            self._waiting.append((submission, waiter))
            if self._idle:
                self._changed.notify()

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

    def _write(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                answers = self._recorder.record([each for each, _ in batch])
            except ControllerError as error:
                self._refuse(batch, error)
            except Exception as error:  # noqa: BLE001 - the writer must live; the caller is told
                self._refuse_each(batch, error)
            else:
                _settle(
                    [(waiter, answer) for (_, waiter), answer in zip(batch, answers, strict=True)]
                )

    def _next_batch(self) -> list[Waiting] | None:
        with self._changed:
            while not self._waiting:
                if self._stopping:
                    return None
                self._idle = True
                self._changed.wait()
                self._idle = False
            count = min(len(self._waiting), self._most_at_once)
            return [self._waiting.popleft() for _ in range(count)]

    def _refuse_each(self, batch: list[Waiting], error: Exception) -> None:
        """One report must not take the others down with it: each is tried alone, once."""
        if len(batch) == 1:
            _settle([(batch[0][1], error)])
            return
        for submission, waiter in batch:
            try:
                (answer,) = self._recorder.record([submission])
            except Exception as alone:  # noqa: BLE001 - as above
                _settle([(waiter, alone)])
            else:
                _settle([(waiter, answer)])

    @staticmethod
    def _refuse(batch: list[Waiting], error: ControllerError) -> None:
        _settle([(waiter, error) for _, waiter in batch])


def _settle(answers: Sequence[tuple[Waiter, Receipt | Exception]]) -> None:
    """Tell who waits; every event loop is woken once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[LoopWaiter, Any]]] = {}
    for waiter, answer in answers:
        if isinstance(waiter, Future):
            _tell(waiter, answer)
        else:
            by_loop.setdefault(waiter.get_loop(), []).append((waiter, answer))
    for loop, mine in by_loop.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell_all, mine)


def _tell_all(answers: Sequence[tuple[LoopWaiter, Receipt | Exception]]) -> None:
    for waiter, answer in answers:
        try:
            if waiter.done():  # who waited may have gone away
                continue
            if isinstance(answer, Exception):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)
        except Exception:  # noqa: BLE001 - one that fails must not keep the others waiting
            _log.exception("this is a bug")


def _tell(future: Future[Receipt], answer: Receipt | Exception) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
