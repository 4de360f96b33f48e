"""The score of the fleet in the days ahead, with the exceptions that move it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.dashboard.charts.marked import MarkedChart, marked_chart
from controller.dashboard.charts.marks import LEAST_EFFECT, Mark
from controller.dashboard.charts.plot import Plot
from controller.dashboard.charts.scale import steps
from controller.dashboard.words import day, plural, short_day
from controller.fleet.forecast import Forecast, ForecastDay

ForecastChart = MarkedChart[ForecastDay]


@dataclass(frozen=True, slots=True)
class TurningDay:
    """A day on which exceptions end or start."""

    point: ForecastDay
    effect: float | None
    """Points by which the average moves; none without a score."""


def turning_days(forecast: Forecast) -> tuple[TurningDay, ...]:
    """The days on which something ends or starts, whether or not the score moves."""
    found, before = [], forecast.average_score
    for point in forecast.points:
        score = point.average_score
        if point.turns:
            known = score is not None and before is not None
            found.append(TurningDay(point, score - before if known else None))  # type: ignore[operator]
        before = score
    return tuple(found)


def forecast_chart(forecast: Forecast, width: int) -> ForecastChart | None:
    """The chart for a width in pixels; none when there is no score, or no exception ahead."""
    known = [(each, each.average_score) for each in forecast.points]
    scored = [(each, score) for each, score in known if score is not None]
    if len(scored) < 2 or not any(each.turns for each, _ in scored):
        return None
    turning = turning_days(forecast)
    return marked_chart(
        [each for each, _ in scored],
        [(each.date, score) for each, score in scored],
        lambda frame: _marks(turning, frame),
        steps,
        width,
    )


def _marks(days: Sequence[TurningDay], frame: Plot) -> list[Mark]:
    return [
        _mark(each.point, each.effect, frame)
        for each in days
        if each.effect is not None and abs(each.effect) >= LEAST_EFFECT
    ]


def _mark(point: ForecastDay, effect: float, frame: Plot) -> Mark:
    first, *others = sorted(point.turns, key=lambda each: each.change != "ends")
    more = f", {len(others)} more" if others else ""
    return Mark(
        x=frame.x(point.date.toordinal()),
        y=frame.y(point.average_score or 0),
        link=f"/exceptions/{first.exception_id}",
        name=first.exception_id,
        subject=f"{first.change} {short_day(point.date)}{more}",
        effect=effect,
        when=f"{day(point.date)}, {plural(point.agents_changed, 'machine changes', 'machines change')}",
    )
