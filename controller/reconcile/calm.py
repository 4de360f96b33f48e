"""How soon hints are followed. Pure: the time is given.

One hint is followed at once, the next a second after. Only when hints go on coming and turn out empty,
as in a storm of webhooks, is one followed every five seconds, until one is not empty.
"""

from __future__ import annotations

from typing import Final

BREATH: Final = 1.0
"""Seconds between the end of a pass that a hint caused and the next such pass."""
CALM: Final = 5.0
"""Seconds between them while they find nothing."""


class Calm:
    """When the next hint may be followed. Times are seconds on any steady scale."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._followed = float("-inf")

    def followed(self, *, fruitful: bool, at: float) -> None:
        """Note the end of a pass that a hint caused, and whether it found anything new."""
        went_before = at - self._followed < CALM
        self._followed = at
        self._until = at + (CALM if went_before and not fruitful else BREATH)

    def left(self, at: float) -> float:
        """Seconds for which hints still have to wait; 0 when one may be followed at once."""
        return max(0.0, self._until - at)
