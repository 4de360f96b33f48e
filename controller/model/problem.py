"""A finding about a document, told to a person with its place and to a program with a code. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong at one place.

    Ordered by file and line, which is the order in which people fix things.
    """

    path: str
    line: int
    """From 1; 0 when the problem is the file or the repository as a whole."""
    column: int
    """From 1, in characters; 0 with line 0."""
    code: str
    """Stable, ``GW`` and three digits (docs/reference/problems.md)."""
    field: str
    """Dotted, ``checks[0].query``; empty when no field is meant."""
    message: str
    """What is wrong; what to do."""
    level: Level = "error"
    clock: bool = False
    """Whether it depends on the time: an error in ``validate`` alone, a warning to the reconciler."""

    def __str__(self) -> str:
        path = self.path if self.path.isprintable() else repr(self.path)
        place = f"{path}:{self.line}:{self.column}" if self.line else path
        field = f" {self.field}:" if self.field else ""
        return f"{place}: {self.code}{field} {self.message}"
