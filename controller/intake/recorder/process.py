"""Recording in a process of its own, so that receiving and recording do not share an interpreter's lock.

The controller keeps its promises with or without that process. It asks for one batch at a time, and
writes nothing itself meanwhile. When the process is lost, the batch is recorded here: what it may have
committed is known again by the reports' ids. Another one is started, later each time.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from controller.errors import ControllerError, LeaseLostError
from controller.failpoints import VARIABLE
from controller.intake.recorder import messages
from controller.intake.recorder.channel import Channel
from controller.intake.recorder.direct import DirectRecorder
from controller.model.report import WholeWantedError
from controller.own_process import start
from controller.store.port.reports import Receipt, Submission
from controller.store.port.store import Store

_PATIENCE_SECONDS: Final = 30.0
"""For an answer. The process itself gives up waiting for the store after five."""
_STOP_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 0.5
"""For a process that has hung up to be gone."""
_REST_SECONDS: Final = (1.0, 60.0)
"""Until another process is started: at first, doubled each time, and at most."""
_PORTION: Final = 8
"""Reports read whole that are recorded together, while the next are read."""
_LOST: Final = (OSError, EOFError, msgspec.DecodeError)
_log = logging.getLogger(__name__)


class ProcessRecorder:
    """Has batches recorded by a process of its own. Used by one thread at a time."""

    def __init__(
        self, store: Store, data: Path, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Make it; ``start`` begins the process.

        Args:
            store: Taken over by this controller.
            data: The folder that the store is in.
            monotonic: Seconds that never go back.
        """
        self._store = store
        self._data = data
        self._monotonic = monotonic
        self._here = DirectRecorder(store)
        self._other: _Other | None = None
        self._rest = _REST_SECONDS[0]
        self._again_at = 0.0
        self._losses = 0

    @property
    def process_id(self) -> int | None:
        """Of the process that was started last; none while there is none."""
        return None if self._other is None else self._other.process_id

    @property
    def losses(self) -> int:
        """How often the process was lost."""
        return self._losses

    def start(self) -> None:
        """Start the process; until it is ready, batches are recorded here."""
        try:
            self._other = _Other(self._data, messages.Hello(self._store.lease))
        except OSError as error:
            self._lose(error)

    def record(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """As ``Recorder.record``."""
        if self._other is None and self._monotonic() >= self._again_at:
            self.start()
        try:
            if not self.ready():
                return self._here.record(submissions)
            return self._ask_all(submissions)
        except LeaseLostError:
            self._store.check_lease()
            raise
        except _LOST as error:
            self._lose(error)
            return self._here.record(submissions)

    def ready(self) -> bool:
        """Whether the process takes the next batch; for the thread that hands it in.

        Raises:
            OSError, EOFError: The process is lost.
        """
        return self._other is not None and self._other.ready()

    def _ask_all(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """Have a batch recorded, and then those of it that must be read whole.

        Raises:
            OSError, EOFError, msgspec.DecodeError: The process is lost.
            ControllerError: Nothing was taken.
        """
        (outcomes,) = self._ask(iter([submissions]))
        wanted = [n for n, each in enumerate(outcomes) if isinstance(each, WholeWantedError)]
        whole: list[int] = []

        def portions() -> Iterator[list[Submission]]:
            for first in range(0, len(wanted), _PORTION):
                read = []
                for n in wanted[first : first + _PORTION]:
                    try:
                        read.append(_whole(submissions[n]))
                        whole.append(n)
                    except ControllerError as error:  # it is no report
                        outcomes[n] = error
                if read:
                    yield read

        try:
            # ``whole`` grows as portions are asked for.
            for each, n in zip(chain.from_iterable(self._ask(portions())), whole, strict=False):
                outcomes[n] = each
        except ControllerError as error:  # the others are on disk
            for n in wanted:
                if isinstance(outcomes[n], WholeWantedError):
                    outcomes[n] = error
        return outcomes

    def _ask(self, batches: Iterator[Sequence[Submission]]) -> Iterator[list[Receipt | Exception]]:
        """Have batches recorded; while the process works on one, the next is made ready."""
        batch = next(batches, None)
        while batch is not None:
            if self._other is None:
                raise EOFError
            message, count = messages.batch(batch), len(batch)
            with self._store.lend():
                self._other.send(message)
                batch = next(batches, None)
                heard = self._other.hear()
            outcomes = messages.outcomes_of(heard)
            if len(outcomes) != count:
                raise EOFError
            self._rest = _REST_SECONDS[0]
            yield outcomes

    def _lose(self, error: BaseException) -> None:
        """Go on without the process for a while."""
        how = str(error)
        if self._other is not None:
            how = self._other.end(_GRACE_SECONDS)
            self._other = None
        self._losses += 1
        _log.warning(
            "the process that records reports is lost (%s); this one records until there is another, "
            "in %g s",
            how,
            self._rest,
        )
        self._again_at = self._monotonic() + self._rest
        self._rest = min(self._rest * 2, _REST_SECONDS[1])

    def stop(self) -> None:
        """End the process, when it has finished what it does."""
        if self._other is not None:
            self._other.end(_STOP_SECONDS)
            self._other = None


def _whole(submission: Submission) -> Submission:
    """A submission with all results of its report.

    Raises:
        RejectedError: They are not a report's.
    """
    report = submission.report
    if report.since is None:
        raise EOFError
    return submission._replace(report=report._replace(results=report.since.whole(), since=None))


class _Other:
    """The process."""

    def __init__(self, data: Path, hello: messages.Hello) -> None:
        ours, its = socket.socketpair()
        with its:
            self._process = start(
                "controller.recording",
                str(data.absolute()),
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                environment={name: os.environ[name] for name in (VARIABLE,) if name in os.environ},
            )
        self._channel = Channel(ours, _PATIENCE_SECONDS)
        self._ready = False
        try:
            self._channel.send(messages.encode(hello))
        except OSError:
            self.end(_GRACE_SECONDS)
            raise

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ready(self) -> bool:
        """Whether it can be asked; never waits.

        Raises:
            OSError, EOFError: It is lost.
        """
        if not self._ready and self._channel.waits():
            if self._channel.receive() != messages.READY:
                raise EOFError
            self._ready = True
        return self._ready

    def send(self, message: bytes) -> None:
        """Send a batch. Raises ``OSError`` when it is lost."""
        self._channel.send(message)

    def hear(self) -> bytes:
        """Wait for the answer to a batch. Raises ``OSError`` or ``EOFError`` when it is lost."""
        return self._channel.receive()

    def end(self, seconds: float) -> str:
        """Hang up, wait so long, then kill; how it ended, in words."""
        self._channel.close()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):  # it cannot even be killed: the disk hangs
                self._process.wait(_STOP_SECONDS)
            return "it did not answer"
        return f"it ended with signal {-code}" if code < 0 else f"it ended with code {code}"
