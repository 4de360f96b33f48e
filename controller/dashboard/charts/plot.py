"""What the charts of scores over days have in common: size, scales, grid and the days below. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from controller.dashboard.charts.scale import Scale, score_range
from controller.dashboard.words import short_day

C = TypeVar("C")
WIDTHS: Final = (330, 480, 640, 900, 1300)
"""A chart is drawn at each; the style sheet shows the one that fits its place, so texts keep their size."""
LEFT, RIGHT, BELOW = 34, 14, 26
"""Pixels around the drawing: for the scores, for the last day's text, and for the days."""


def at_every_width(draw: Callable[[int], C | None]) -> list[C]:
    """A chart at each of the widths; empty where there is none."""
    return [chart for width in WIDTHS if (chart := draw(width)) is not None]


@dataclass(frozen=True, slots=True)
class Plot:
    """Where a chart's numbers go."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    x: Scale
    y: Scale
    grid: tuple[tuple[float, str], ...]
    days: tuple[tuple[float, str, str], ...]
    """Pixel, text and anchor."""

    def area(self, line: str, first: float, last: float) -> str:
        """The path of a line, closed along the bottom."""
        return f"{line} L{last:g} {self.bottom:g} L{first:g} {self.bottom:g} Z"


def plot(
    scores: Sequence[float], dates: Sequence[date], *, width: int, height: int, top: int
) -> Plot:
    """The plot of scores over days.

    Args:
        scores: Everything that has to be within; at least one.
        dates: Days in order; at least two.
        width: Of the whole drawing, in pixels.
        height: Likewise.
        top: Pixels above, for what is written beside marks.
    """
    low, high, lines = score_range(scores, 5 if height > 200 else 4)
    bottom = height - BELOW
    x = Scale(dates[0].toordinal(), dates[-1].toordinal(), LEFT, width - RIGHT)
    y = Scale(low, high, bottom, top)
    return Plot(
        width=width,
        height=height,
        left=LEFT,
        right=width - RIGHT,
        bottom=bottom,
        x=x,
        y=y,
        grid=tuple((y(value), f"{value:g}") for value in lines),
        days=_day_labels(dates, x, width),
    )


def wanted_labels(width: int) -> int:
    """How many texts have room below a drawing."""
    return max(2, min(7, width // 120))


def _day_labels(days: Sequence[date], x: Scale, width: int) -> tuple[tuple[float, str, str], ...]:
    wanted, last = wanted_labels(width), len(days) - 1
    indices = sorted({round(index * last / (wanted - 1)) for index in range(wanted)})
    anchors = {0: "start", last: "end"}
    return tuple(
        (x(days[index].toordinal()), short_day(days[index]), anchors.get(index, "middle"))
        for index in indices
    )
