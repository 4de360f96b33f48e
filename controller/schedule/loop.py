"""The loop that lets time act on the store: exceptions that start and end, fleet-wide changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from controller.errors import ControllerError
from controller.store.interface import Store

_log = structlog.get_logger(__name__)
TICK: Final = 0.5
"""Seconds between looks at the clock: scores flip within a second of an exception's end."""


class Timekeeper:
    """Acts when an instant has come. One thread; ``step`` is one look at the clock."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Make a timekeeper.

        Args:
            store: Where scores are.
            clock: Now, aware, UTC; a steady clock, so that a jump of the wall clock ends nothing.
        """
        self._store = store
        self._clock = clock

    def step(self) -> bool:
        """Do what is due; whether more is left to do at once."""
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
                return transaction.continue_rescoring(now)
        return False

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop."""
        while not stop.is_set():
            try:
                more = self.step()
            except ControllerError as error:
                _log.warning("time could not act", reason=error.reason, error=str(error))
                more = False
            except Exception:  # noqa: BLE001 - the loop is an edge: it must live
                _log.exception("this is a bug: the timekeeper failed")
                more = False
            stop.wait(0.001 if more else TICK)
