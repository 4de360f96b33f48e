"""Recording in a process of its own, so that receiving and recording do not share an interpreter's lock.

The event loop itself asks it and hears its answer. What takes longer (a batch that is large, reports that
must be read whole, the store being another's to write, the process being away) is left to a thread.

The controller keeps its promises with or without that process. It asks for one batch at a time, and
writes nothing itself meanwhile. When the process is lost, the batch is recorded here: what it may have
committed is known again by the reports' ids. Another one is started, later each time.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from controller.errors import ControllerError, LeaseLostError
from controller.intake.recorder import messages
from controller.intake.recorder.direct import DirectRecorder
from controller.intake.recorder.interface import Outcomes, Told
from controller.intake.recorder.other import Other, Question
from controller.model.report import WholeWantedError
from controller.store.port.reports import Submission
from controller.store.port.store import Store

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
    """Has batches recorded by a process of its own."""

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
        self._other: Other | None = None
        self._asked: tuple[Question, Callable[[], None]] | None = None
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
            self._other = Other(self._data, messages.Hello(self._store.lease))
        except OSError as error:
            self._lose(error)

    def begin(self, submissions: Sequence[Submission], told: Told) -> None:
        """As ``Recorder.begin``."""
        work: Callable[[], Outcomes] = partial(self.record, submissions)
        try:
            if self._ask_at_once(submissions, told):
                return
        except _LOST as error:
            work = partial(self._without, submissions, error)
        told(work)

    def _ask_at_once(self, submissions: Sequence[Submission], told: Told) -> bool:
        """Have the event loop ask for a batch, if nothing has to be waited for.

        Raises:
            OSError, EOFError: The process is lost.
        """
        if self._other is None or not self._other.ready():
            return False
        message = messages.small_batch(submissions, self._other.room)
        give_back = None if message is None else self._store.lend_now()
        if message is None or give_back is None:
            return False

        def heard(answer: bytes | Exception) -> None:
            self._asked = None
            give_back()
            told(self._understood(submissions, answer))

        try:
            self._asked = self._other.ask(message, heard), give_back
        except BaseException:
            give_back()
            raise
        return True

    def look(self) -> None:
        """As ``Recorder.look``."""
        if self._asked is not None:
            self._asked[0].look()

    def _understood(
        self, submissions: Sequence[Submission], answer: bytes | Exception
    ) -> Outcomes | Callable[[], Outcomes]:
        """What an answer says; where more than that is to be done, what does it."""
        work = partial(self._guarded, submissions, partial(self._go_on, submissions, answer))
        if isinstance(answer, Exception):
            return work
        try:
            outcomes = self._outcomes(answer, len(submissions))
        except Exception:  # noqa: BLE001 - it is raised again where somebody can do something
            return work
        wanted = any(isinstance(each, WholeWantedError) for each in outcomes)
        return work if wanted else outcomes

    def _go_on(self, submissions: Sequence[Submission], answer: bytes | Exception) -> Outcomes:
        """As ``_ask_all``, when a batch has been answered."""
        if isinstance(answer, Exception):
            raise answer
        return self._read_wanted(submissions, self._outcomes(answer, len(submissions)))

    def record(self, submissions: Sequence[Submission]) -> Outcomes:
        """As ``Recorder.record``."""
        if self._other is None and self._monotonic() >= self._again_at:
            self.start()
        return self._guarded(submissions, partial(self._ask_all, submissions))

    def _guarded(self, submissions: Sequence[Submission], ask: Callable[[], Outcomes]) -> Outcomes:
        """What asking comes to; a batch by which the process is lost is recorded here."""
        try:
            return ask()
        except LeaseLostError:
            self._store.check_lease()
            raise
        except _LOST as error:
            return self._without(submissions, error)

    def _without(self, submissions: Sequence[Submission], error: BaseException) -> Outcomes:
        self._lose(error)
        return self._here.record(submissions)

    def ready(self) -> bool:
        """Whether the process takes the next batch; for whoever hands it in.

        Raises:
            OSError, EOFError: The process is lost.
        """
        return self._other is not None and self._other.ready()

    def _ask_all(self, submissions: Sequence[Submission]) -> Outcomes:
        """Have a batch recorded, and then those of it that must be read whole.

        Raises:
            OSError, EOFError, msgspec.DecodeError: The process is lost.
            ControllerError: Nothing was taken.
        """
        if not self.ready():
            return self._here.record(submissions)
        (outcomes,) = self._ask(iter([submissions]))
        return self._read_wanted(submissions, outcomes)

    def _read_wanted(self, submissions: Sequence[Submission], outcomes: Outcomes) -> Outcomes:
        """Have those of a batch recorded that must be read whole."""
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

    def _ask(self, batches: Iterator[Sequence[Submission]]) -> Iterator[Outcomes]:
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
            yield self._outcomes(heard, count)

    def _outcomes(self, answer: bytes, count: int) -> Outcomes:
        """Read the answer to a batch of so many. Raises as ``messages.outcomes_of``, and ``EOFError``."""
        outcomes = messages.outcomes_of(answer)
        if len(outcomes) != count:
            raise EOFError
        self._rest = _REST_SECONDS[0]
        return outcomes

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
        """As ``Recorder.stop``; the process finishes what it does."""
        self._again_at = math.inf
        asked, self._asked = self._asked, None
        if asked is not None:
            asked[0].drop()
        if self._other is not None:
            self._other.end(_STOP_SECONDS)
            self._other = None
        if asked is not None:
            asked[1]()


def _whole(submission: Submission) -> Submission:
    """A submission with all results of its report.

    Raises:
        RejectedError: They are not a report's.
    """
    report = submission.report
    if report.since is None:
        raise EOFError
    return submission._replace(report=report._replace(results=report.since.whole(), since=None))
