"""A clock that does not jump.

The wall clock is believed as long as it agrees with the time that has passed. When it leaps by more
than a minute, time goes on from where it was, and says so, until the two agree again or a person
restarts the controller: an exception must neither end early nor come back (docs/adr/0007-a-steady-clock.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

MOST_DRIFT: Final = timedelta(seconds=60)
_TICKS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def wall_clock() -> datetime:
    """The machine's clock, UTC."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds since some past instant, sleep of the machine included where the system counts it."""
    return time.clock_gettime(_TICKS)


class SteadyClock:
    """Now, aware, UTC. Safe to call from any thread."""

    def __init__(
        self,
        wall: Callable[[], datetime] = wall_clock,
        ticks: Callable[[], float] = elapsed,
    ) -> None:
        self._wall = wall
        self._ticks = ticks
        self._lock = threading.Lock()
        self._origin = (wall(), ticks())
        self.trusted = True
        """False while the wall clock disagrees with the time that has passed."""

    def __call__(self) -> datetime:
        with self._lock:
            wall, ticks = self._wall(), self._ticks()
            expected = self._origin[0] + timedelta(seconds=ticks - self._origin[1])
            agrees = abs(wall - expected) <= MOST_DRIFT
            if agrees:
                # Follow slow corrections, so that they never add up to a jump.
                self._origin = (wall, ticks)
            if agrees != self.trusted:
                self.trusted = agrees
                if agrees:
                    _log.warning("the clock agrees again")
                else:
                    drift = round((wall - expected).total_seconds())
                    _log.error("the clock jumped; going on without it", seconds=drift)
            return wall if agrees else expected
