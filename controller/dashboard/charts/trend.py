"""The score of the fleet over days, with the commits that moved it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date

from controller.dashboard.charts.marked import MarkedChart, marked_chart
from controller.dashboard.charts.marks import LEAST_EFFECT, Mark
from controller.dashboard.charts.plot import Plot, at_every_width
from controller.dashboard.charts.scale import path
from controller.dashboard.words import clock, score, short
from controller.fleet.statistics import average, bare_average
from controller.store.port.fleet import Movement, Totals


@dataclass(frozen=True, slots=True)
class Point:
    """A day."""

    day: date
    score: float | None
    bare: float | None
    compliant: int
    assessed: int


TrendChart = MarkedChart[Point]


def points_of(days: Sequence[tuple[date, Totals]]) -> tuple[Point, ...]:
    """The days with their averages."""
    return tuple(
        Point(
            day,
            average(totals),
            bare_average(totals),
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
    scores = {point.day: score for point, score in known}
    return marked_chart(
        [point for point, _ in known],
        list(scores.items()),
        lambda frame: _marks(movements, scores, frame),
        path,
        width,
        beside=[(point.day, point.bare) for point, _ in known if point.bare is not None],
    )


def drawn(points: Sequence[Point], movements: Sequence[Movement]) -> list[TrendChart]:
    """The chart at every width; empty while there is none."""
    return at_every_width(lambda width: trend_chart(points, movements, width))


def effect_of(movement: Movement) -> float | None:
    """By how many points the average moved; none while it is not measured, or nobody was assessed."""
    if movement.after is None:
        return None
    before, after = average(movement.before), average(movement.after)
    return None if before is None or after is None else after - before


def _marks(movements: Sequence[Movement], scores: Mapping[date, float], frame: Plot) -> list[Mark]:
    days: dict[date, list[Movement]] = {}
    for each in movements:
        effect = effect_of(each)
        if effect is not None and abs(effect) >= LEAST_EFFECT:
            day = each.at.astimezone(UTC).date()
            if day in scores:
                days.setdefault(day, []).append(each)
    return [
        _mark(days[day], frame.x(day.toordinal()), frame.y(scores[day])) for day in sorted(days)
    ]


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
