"""The loop that lets time act on the store: exceptions that start and end, fleet-wide changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from controller.errors import ControllerError, LeaseLostError
from controller.failpoints import reached
from controller.store.port.store import Store

_log = structlog.get_logger(__name__)
KEEP: Final = timedelta(days=400)
"""How long history is kept unless told otherwise: a year, and a month to look back on it."""
TICK: Final = 0.5
"""Seconds between looks at the clock: scores flip within a second of an exception's end."""


class Timekeeper:
    """Acts when an instant has come. One thread; ``step`` is one look at the clock."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], *, keep: timedelta = KEEP
    ) -> None:
        """Make a timekeeper.

        Args:
            store: Where scores are.
            clock: Now, aware, UTC; a steady clock, so that a jump of the wall clock ends nothing.
            keep: How long history is kept.
        """
        self._store = store
        self._clock = clock
        self._keep = keep
        self._compacted: date | None = None

    def step(self) -> bool:
        """Do what is due; whether more is left to do at once.

        Raises:
            LeaseLostError: Another controller has taken the store over, also when nothing is due.
        """
        self._store.check_lease()
        now = self._clock()
        with self._store.read() as reading:
            unfinished = reading.unfinished()
            instant = reading.next_instant(now)
        if instant is not None and instant <= now:
            with self._store.write() as transaction:
                flipped = transaction.pass_instant(now)
            _log.info("exceptions flipped", count=flipped)
            return True
        if unfinished:
            with self._store.write() as transaction:
                more = transaction.continue_rescoring(now)
            reached("after_step" if more else "after_switch")
            return more
        self._compact(now)
        return False

    def _compact(self, now: datetime) -> None:
        """Let old history go: a portion a look, once a day all of it."""
        if self._compacted != now.date():
            with self._store.write() as transaction:
                if not transaction.compact(now, self._keep):
                    self._compacted = now.date()

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop."""
        while not stop.is_set():
            try:
                more = self.step()
            except LeaseLostError:
                return  # whoever runs the controller ends it and says so
            except ControllerError as error:
                _log.warning("time could not act", reason=error.reason, error=str(error))
                more = False
            except Exception:  # noqa: BLE001 - the loop is an edge: it must live
                _log.exception("this is a bug: the timekeeper failed")
                more = False
            stop.wait(0.001 if more else TICK)
