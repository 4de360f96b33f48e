"""From values to coordinates, with few round numbers on the axis. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1, 2, 5, 10, 20, 25, 50)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from a range of values to a range of pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value, rounded to a tenth."""
        span = self.high - self.low or 1
        return round(self.start + (value - self.low) / span * (self.end - self.start), 1)


def score_range(values: Sequence[float], most_lines: int = 5) -> tuple[float, float, list[float]]:
    """A range around scores, within 0 to 100, with the values of its grid lines."""
    low, high = min(values), max(values)
    room = max(1.0, (high - low) * 0.15)
    low, high = max(0.0, low - room), min(100.0, high + room)
    step = next((s for s in _STEPS if (high - low) / s <= most_lines - 1), 50)
    first, last = math.floor(low / step) * step, math.ceil(high / step) * step
    lines = [float(first + index * step) for index in range(round((last - first) / step) + 1)]
    return float(first), float(last), lines


def path(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through points."""
    return " ".join(
        f"{'M' if index == 0 else 'L'}{x:g} {y:g}" for index, (x, y) in enumerate(points)
    )


def steps(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path that keeps each value until the next."""
    parts: list[str] = []
    for index, (x, y) in enumerate(points):
        parts.append(f"M{x:g} {y:g}" if index == 0 else f"H{x:g} V{y:g}")
    return " ".join(parts)
