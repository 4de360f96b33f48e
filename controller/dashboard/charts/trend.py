"""The score of the fleet over days, with the commits that moved it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from controller.dashboard.charts.labels import day_labels, placed
from controller.dashboard.charts.scale import Scale, path, score_range
from controller.dashboard.words import signed
from controller.fleet.statistics import average
from controller.store.interface import Movement, Totals

HEIGHT: Final = 236
_TOP, _BOTTOM, _LEFT, _RIGHT = 52, 26, 34, 14
_LABEL_CHARS: Final = 30
_CHAR: Final = 5.7
"""Pixels of an average character at 11 px."""
_LEAST_EFFECT: Final = 0.005


@dataclass(frozen=True, slots=True)
class Point:
    """A day."""

    day: date
    score: float | None
    bare: float | None
    compliant: int
    assessed: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Commits of one day that moved the score, as one mark on the line."""

    x: float
    y: float
    shas: tuple[str, ...]
    subject: str
    effect: float
    before: float | None
    after: float | None
    at: datetime
    label: bool
    """Whether there is room to write it beside the line."""
    tier: int
    """Which of the two rows of labels."""
    to_left: bool
    """Whether its texts end at the line instead of beginning there."""

    @property
    def title(self) -> str:
        """What the mark says when it is pointed at."""
        more = f" and {len(self.shas) - 1} more" if len(self.shas) > 1 else ""
        return f"{self.subject}{more}: {signed(self.effect, 2)} points"

    @property
    def short_subject(self) -> str:
        cut = self.subject[: _LABEL_CHARS - 1].rstrip()
        return self.subject if len(self.subject) <= _LABEL_CHARS else f"{cut}…"


@dataclass(frozen=True, slots=True)
class TrendChart:
    """Coordinates, ready to be drawn."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    line: str
    area: str
    bare: str
    grid: tuple[tuple[float, str], ...]
    days: tuple[tuple[float, str, str], ...]
    """Pixel, text and anchor."""
    marks: tuple[Mark, ...]
    points: tuple[Point, ...]


def points_of(days: Sequence[tuple[date, Totals]]) -> tuple[Point, ...]:
    """The days with their averages."""
    return tuple(
        Point(
            day,
            average(totals),
            totals.bare_score_sum // totals.bare_assessed / 100 if totals.bare_assessed else None,
            totals.compliant,
            totals.assessed,
        )
        for day, totals in days
    )


def trend_chart(
    points: Sequence[Point], movements: Sequence[Movement], width: int
) -> TrendChart | None:
    """The chart for a width in pixels; none while there are fewer than two days with a score."""
    known = [point for point in points if point.score is not None]
    if len(known) < 2:
        return None
    values = [value for each in known for value in (each.score, each.bare) if value is not None]
    low, high, lines = score_range(values)
    bottom = HEIGHT - _BOTTOM
    y = Scale(low, high, bottom, _TOP)
    first, last = known[0].day.toordinal(), known[-1].day.toordinal()
    x = Scale(first, last, _LEFT, width - _RIGHT)
    line = [(x(each.day.toordinal()), y(each.score)) for each in known if each.score is not None]
    bare = [(x(each.day.toordinal()), y(each.bare)) for each in known if each.bare is not None]
    by_day = {each.day: each for each in known}
    return TrendChart(
        width=width,
        height=HEIGHT,
        left=_LEFT,
        right=width - _RIGHT,
        bottom=bottom,
        line=path(line),
        area=f"{path(line)} L{line[-1][0]:g} {bottom} L{line[0][0]:g} {bottom} Z",
        bare=path(bare),
        grid=tuple((y(value), f"{value:g}") for value in lines),
        days=day_labels([each.day for each in known], x, width),
        marks=_marks(movements, by_day, x, y, width),
        points=tuple(known),
    )


def effect_of(movement: Movement) -> float | None:
    """By how many points the average moved; none while it is not measured, or nobody was assessed."""
    if movement.after is None:
        return None
    before, after = average(movement.before), average(movement.after)
    return None if before is None or after is None else after - before


def _marks(
    movements: Sequence[Movement], by_day: dict[date, Point], x: Scale, y: Scale, width: int
) -> tuple[Mark, ...]:
    days: dict[date, list[Movement]] = {}
    for each in movements:
        effect = effect_of(each)
        if effect is not None and abs(effect) >= _LEAST_EFFECT:
            day = each.at.astimezone(UTC).date()
            if day in by_day:
                days.setdefault(day, []).append(each)
    marks = [_mark(days[day], day, by_day[day], x, y) for day in sorted(days)]
    texts = [
        (each.x, _CHAR * (max(len(each.short_subject), 10) + 6), each.effect) for each in marks
    ]
    return tuple(
        replace(mark, label=where.shown, tier=where.tier, to_left=where.to_left)
        for mark, where in zip(marks, placed(texts, width), strict=True)
    )


def _mark(moves: Sequence[Movement], day: date, point: Point, x: Scale, y: Scale) -> Mark:
    strongest = max(moves, key=lambda each: abs(effect_of(each) or 0))
    return Mark(
        x=x(day.toordinal()),
        y=y(point.score or 0),
        shas=tuple(
            each.cause.ref.rpartition(":")[2]
            for each in sorted(moves, key=lambda each: each is not strongest)
        ),
        subject=strongest.cause.detail,
        effect=sum(effect_of(each) or 0 for each in moves),
        before=average(moves[0].before),
        after=average(moves[-1].after) if moves[-1].after else None,
        at=strongest.at,
        label=False,
        tier=0,
        to_left=False,
    )
