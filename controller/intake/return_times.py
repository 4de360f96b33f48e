"""When a report that there was no room for may come again.

Whoever is refused is given a turn: the time at which all who were there before will have been taken, as
fast as it goes just now. So a crowd comes back spread out over about the time that taking it needs, and
neither leaves the controller idle nor stands before a full queue again.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Final

LONGEST: Final = 300
"""Seconds; nobody is told to wait longer."""
_FIRST_PACE: Final = 0.0005
"""Seconds a report takes, as long as no crowd was seen."""
_LOOKED_AT: Final = 8
"""Of so many crowds the quickest counts: what holds one up seldom holds up the next."""
_EAGER: Final = 0.7
"""Turns come sooner than measured, since a crowd that is just coming in slows down what is measured,
and to be refused once more costs less than a writer with nothing to do."""


class ReturnTimes:
    """Turns of those that were refused. Used on one event loop."""

    def __init__(
        self, monotonic: Callable[[], float], share: Callable[[], float] = random.random
    ) -> None:
        """Make it.

        Args:
            monotonic: Seconds that never go back.
            share: Picks from 0 to 1, evenly; it rounds turns to whole seconds.
        """
        self._monotonic = monotonic
        self._share = share
        self._begun = 0.0
        self._paces: deque[float] = deque(maxlen=_LOOKED_AT)
        self._last_turn = 0.0
        self._turns: dict[str, float] = {}

    @property
    def pace(self) -> float:
        """Seconds that a report takes when there is a crowd."""
        return min(self._paces, default=_FIRST_PACE)

    def begin(self) -> None:
        """The next reports begin to be recorded."""
        self._begun = self._monotonic()

    def crowd_taken(self, count: int) -> None:
        """As many reports as go together have been recorded since they began to be."""
        self._paces.append((self._monotonic() - self._begun) / count)

    def seconds(self, machine_uuid: str, waiting: int) -> int:
        """After how many seconds a machine may come again, from 1 to ``LONGEST``.

        A machine that does not wait for its turn is told of the same turn again, so that nobody can
        put off the others.

        Args:
            machine_uuid: Whose report it is.
            waiting: How many reports wait before those that were refused.
        """
        now, pace = self._monotonic(), self.pace * _EAGER
        if self._last_turn <= now:
            self._turns.clear()
        turn = self._turns.get(machine_uuid, 0.0)
        if turn <= now:
            turn = self._last_turn = max(self._last_turn, now + waiting * pace) + pace
            self._turns[machine_uuid] = turn
        wait = turn - now
        if wait > LONGEST:
            wait = LONGEST * (1 + self._share()) / 2
        return min(max(int(wait + self._share()), 1), LONGEST)
