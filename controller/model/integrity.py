"""What is found when a store is looked through. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Area = Literal["database", "audit", "facts", "scores", "totals", "inventory"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    area: Area
    about: str
    """The row or object, such as ``audit row 17`` or ``policy/win-l1``."""
    message: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest row of the audit trail; kept elsewhere, it proves later that nothing was cut off."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"
