"""The score of the fleet in the days ahead, with the exceptions that move it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from controller.dashboard.charts.labels import day_labels, placed
from controller.dashboard.charts.scale import Scale, score_range, steps
from controller.dashboard.words import short_day, signed
from controller.fleet.forecast import Forecast, ForecastDay, Turn

HEIGHT: Final = 248
_TOP, _BOTTOM, _LEFT, _RIGHT = 64, 26, 34, 14
_ID_CHARS: Final = 28
_CHAR: Final = 6.7
"""Pixels of a character at 11 px, all of one width."""
_LEAST_EFFECT: Final = 0.005


@dataclass(frozen=True, slots=True)
class Mark:
    """A day on which exceptions end or start and the score moves."""

    x: float
    y: float
    day: date
    turns: tuple[Turn, ...]
    """Ends first."""
    effect: float
    changed: int
    """Machines whose score, risk or compliance is another."""
    label: bool = False
    tier: int = 0
    to_left: bool = False

    @property
    def short_id(self) -> str:
        id_ = self.turns[0].exception_id
        return id_ if len(id_) <= _ID_CHARS else f"{id_[: _ID_CHARS - 1]}…"

    @property
    def title(self) -> str:
        """What the mark says when it is pointed at."""
        more = f" and {len(self.turns) - 1} more" if len(self.turns) > 1 else ""
        return f"{self.short_id} {self.turns[0].change}{more}: {signed(self.effect, 2)} points"

    @property
    def below(self) -> str:
        """The second line of its label."""
        more = f", {len(self.turns) - 1} more" if len(self.turns) > 1 else ""
        return f"{self.turns[0].change} {short_day(self.day)}{more} {signed(self.effect, 2)}"


@dataclass(frozen=True, slots=True)
class ForecastChart:
    """Coordinates, ready to be drawn."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    line: str
    area: str
    grid: tuple[tuple[float, str], ...]
    days: tuple[tuple[float, str, str], ...]
    """Pixel, text and anchor."""
    marks: tuple[Mark, ...]
    points: tuple[ForecastDay, ...]


def forecast_chart(forecast: Forecast, width: int) -> ForecastChart | None:
    """The chart for a width in pixels; none when there is no score, or no exception ahead."""
    known = [(each, each.average_score) for each in forecast.points]
    scored = [(each, score) for each, score in known if score is not None]
    if len(scored) < 2 or not any(each.turns for each, _ in scored):
        return None
    low, high, lines = score_range([score for _, score in scored])
    bottom = HEIGHT - _BOTTOM
    y = Scale(low, high, bottom, _TOP)
    dates = [each.date for each, _ in scored]
    x = Scale(dates[0].toordinal(), dates[-1].toordinal(), _LEFT, width - _RIGHT)
    line = steps([(x(each.date.toordinal()), y(score)) for each, score in scored])
    return ForecastChart(
        width=width,
        height=HEIGHT,
        left=_LEFT,
        right=width - _RIGHT,
        bottom=bottom,
        line=line,
        area=f"{line} V{bottom} H{x(dates[0].toordinal()):g} Z",
        grid=tuple((y(value), f"{value:g}") for value in lines),
        days=day_labels(dates, x, width),
        marks=_marks(scored, forecast.average_score, x, y, width),
        points=tuple(each for each, _ in scored),
    )


def _marks(
    scored: Sequence[tuple[ForecastDay, float]],
    before: float | None,
    x: Scale,
    y: Scale,
    width: int,
) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    for day, score in scored:
        effect = score - (score if before is None else before)
        before = score
        if not day.turns or abs(effect) < _LEAST_EFFECT:
            continue
        turns = tuple(sorted(day.turns, key=lambda each: each.change != "ends"))
        at = x(day.date.toordinal())
        marks.append(Mark(at, y(score), day.date, turns, effect, day.agents_changed))
    texts = [
        (each.x, _CHAR * (max(len(each.short_id), len(each.below)) + 2), each.effect)
        for each in marks
    ]
    return tuple(
        replace(mark, label=where.shown, tier=where.tier, to_left=where.to_left)
        for mark, where in zip(marks, placed(texts, width), strict=True)
    )
