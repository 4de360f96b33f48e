"""The score of the fleet over days, with the commits that moved it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final

from controller.dashboard.charts.marks import LEAST_EFFECT, Mark, arranged
from controller.dashboard.charts.plot import WIDTHS, Plot, plot
from controller.dashboard.charts.scale import path
from controller.dashboard.words import clock, score, short
from controller.fleet.statistics import average
from controller.store.port.fleet import Movement, Totals

HEIGHT: Final = 244
_TOP: Final = 66


@dataclass(frozen=True, slots=True)
class Point:
    """A day."""

    day: date
    score: float | None
    bare: float | None
    compliant: int
    assessed: int


@dataclass(frozen=True, slots=True)
class TrendChart:
    """Coordinates, ready to be drawn."""

    plot: Plot
    line: str
    area: str
    bare: str
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
    known = [(point, point.score) for point in points if point.score is not None]
    if len(known) < 2:
        return None
    scores = [score for _, score in known]
    bares = [point.bare for point, _ in known if point.bare is not None]
    frame = plot(
        scores + bares, [point.day for point, _ in known], width=width, height=HEIGHT, top=_TOP
    )
    line = [(frame.x(point.day.toordinal()), frame.y(score)) for point, score in known]
    bare = [
        (frame.x(point.day.toordinal()), frame.y(point.bare))
        for point, _ in known
        if point.bare is not None
    ]
    return TrendChart(
        plot=frame,
        line=path(line),
        area=frame.area(path(line), line[0][0], line[-1][0]),
        bare=path(bare),
        marks=_marks(movements, {point.day: score for point, score in known}, frame),
        points=tuple(point for point, _ in known),
    )


def drawn(points: Sequence[Point], movements: Sequence[Movement]) -> list[TrendChart]:
    """The chart at every width; empty while there is none."""
    charts = (trend_chart(points, movements, width) for width in WIDTHS)
    return [chart for chart in charts if chart is not None]


def effect_of(movement: Movement) -> float | None:
    """By how many points the average moved; none while it is not measured, or nobody was assessed."""
    if movement.after is None:
        return None
    before, after = average(movement.before), average(movement.after)
    return None if before is None or after is None else after - before


def _marks(
    movements: Sequence[Movement], scores: dict[date, float], frame: Plot
) -> tuple[Mark, ...]:
    days: dict[date, list[Movement]] = {}
    for each in movements:
        effect = effect_of(each)
        if effect is not None and abs(effect) >= LEAST_EFFECT:
            day = each.at.astimezone(UTC).date()
            if day in scores:
                days.setdefault(day, []).append(each)
    marks = [
        _mark(days[day], frame.x(day.toordinal()), frame.y(scores[day])) for day in sorted(days)
    ]
    return arranged(marks, frame.width)


def _mark(moves: Sequence[Movement], x: float, y: float) -> Mark:
    """The commits of one day as one mark, named after the one that moved most."""
    strongest = max(moves, key=lambda each: abs(effect_of(each) or 0))
    sha = strongest.cause.ref.rpartition(":")[2]
    more = f" and {len(moves) - 1} more" if len(moves) > 1 else ""
    last = moves[-1].after
    before, after = average(moves[0].before), average(last) if last else None
    return Mark(
        x=x,
        y=y,
        link=f"/revisions/{sha}",
        name=short(sha),
        subject=f"{strongest.cause.detail}{more}",
        effect=sum(effect_of(each) or 0 for each in moves),
        when=f"{score(before)} → {score(after)}, {clock(strongest.at)}",
    )
