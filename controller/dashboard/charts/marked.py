"""A line of scores over days with marks where something moved it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Generic, TypeVar

from controller.dashboard.charts.marks import Mark, arranged
from controller.dashboard.charts.plot import Plot, plot

P = TypeVar("P")
Day = tuple[date, float]
"""A day and its score."""
HEIGHT: Final = 246
_TOP: Final = 66
"""Pixels for the two rows of what is written beside marks."""
_BARE: Final = 12
"""Likewise where there is no mark."""


@dataclass(frozen=True, slots=True)
class MarkedChart(Generic[P]):
    """Coordinates, ready to be drawn."""

    plot: Plot
    line: str
    area: str
    beside: str
    """A second, thinner line; empty for none."""
    marks: tuple[Mark, ...]
    points: tuple[P, ...]


def marked_chart(
    points: Sequence[P],
    line: Sequence[Day],
    mark: Callable[[Plot], Sequence[Mark]],
    shape: Callable[[Sequence[tuple[float, float]]], str],
    width: int,
    beside: Sequence[Day] = (),
) -> MarkedChart[P]:
    """The chart for a width in pixels.

    Args:
        points: What the days are, for its table.
        line: The same days with their scores, in order; at least two.
        mark: Where something moved the score, once it is known where days and scores lie.
        shape: How a path is made of places.
        width: Of the whole drawing.
        beside: The second line.
    """
    scores = [score for _, score in (*line, *beside)]
    days = [day for day, _ in line]
    frame = plot(scores, days, width=width, height=HEIGHT, top=_TOP)
    marks = arranged(mark(frame), width)
    if not marks:  # nothing is written above the line
        frame = plot(scores, days, width=width, height=HEIGHT - _TOP + _BARE, top=_BARE)

    def path_of(days: Sequence[Day]) -> str:
        return shape([(frame.x(day.toordinal()), frame.y(score)) for day, score in days])

    drawn = path_of(line)
    first, last = (frame.x(line[end][0].toordinal()) for end in (0, -1))
    return MarkedChart(
        plot=frame,
        line=drawn,
        area=frame.area(drawn, first, last),
        beside=path_of(beside),
        marks=marks,
        points=tuple(points),
    )
