"""How many bytes of reports may be held at once: those that arrive, and those that wait."""

from __future__ import annotations

from typing import Final

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all reports together. Some 1,500 reports of 200 checks."""


class Room:
    """A bound on bytes. Used on one event loop."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self.held = 0

    @property
    def full(self) -> bool:
        """Whether there is room for nothing more."""
        return self.held >= self._most

    def take(self, size: int) -> bool:
        """Take room for so many bytes, if there is any left; the last one may go beyond the bound."""
        if self.full:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Let go of what was taken."""
        self.held -= size
