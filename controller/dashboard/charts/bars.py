"""Shares as bars: a stacked one for risk, plain ones for categories. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1000
"""Of the drawing; it is stretched to the width of its card."""
_GAP: Final = 5
_LEAST: Final = 8
"""What is there at all can be seen."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stacked bar."""

    name: str
    count: int
    share: float | None
    """Percent of all, rounded down to hundredths."""
    x: float
    width: float


def stacked(counts: Mapping[str, int]) -> tuple[Segment, ...]:
    """Parts side by side, every count above zero at least visible; zero counts have no width."""
    total = sum(counts.values())
    shown = [name for name, count in counts.items() if count]
    room = WIDTH - _GAP * max(0, len(shown) - 1)
    widths = {name: max(_LEAST, counts[name] / total * room) for name in shown} if total else {}
    excess = sum(widths.values()) - room
    if widths and excess > 0:
        widest = max(widths, key=lambda name: widths[name])
        widths[widest] -= excess
    segments, x = [], 0.0
    for name, count in counts.items():
        width = round(widths.get(name, 0.0), 1)
        share = count * 10_000 // total / 100 if total else None
        segments.append(Segment(name, count, share, round(min(x, WIDTH), 1), width))
        x += width + _GAP if width else 0
    return tuple(segments)
