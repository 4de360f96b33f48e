"""A machine's score as steps, with what moved it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from controller.dashboard.charts.scale import Scale, score_range, steps
from controller.dashboard.words import score, short_day, signed
from controller.fleet.history import HistoryPoint

HEIGHT: Final = 190
_TOP, _BOTTOM, _LEFT, _RIGHT = 16, 26, 34, 14
_CAUSES: Final = {
    "report": "a report",
    "commit": "commit",
    "exception_start": "an exception began",
    "exception_end": "an exception ended",
    "api": "a change through the API",
    "tags": "its tags changed",
    "enrollment": "it was enrolled",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A change of the score."""

    at: datetime
    score: float | None
    change: float | None
    """Against the one before; none for the first."""
    risk: str
    kind: str
    cause: str
    detail: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Dot:
    """A change on the line."""

    x: float
    y: float
    kind: str
    title: str
    link: str | None


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """Coordinates, ready to be drawn."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    line: str
    grid: tuple[tuple[float, str], ...]
    days: tuple[tuple[float, str, str], ...]
    dots: tuple[Dot, ...]


def steps_of(points: Sequence[HistoryPoint]) -> list[Step]:
    """The changes, oldest first, each with its cause in words."""
    found: list[Step] = []
    previous: float | None = None
    for point in points:
        cause = point.cause
        change = None
        if found and previous is not None and point.score is not None:
            change = round(point.score - previous, 2)
        found.append(
            Step(
                at=point.at,
                score=point.score,
                change=change,
                risk=point.risk_level,
                kind=cause.kind,
                cause=_CAUSES[cause.kind],
                detail=cause.detail if cause.kind != "report" else "",
                link=_link(cause.kind, cause.ref),
            )
        )
        previous = point.score
    return found


def _link(kind: str, ref: str) -> str | None:
    if kind == "commit":
        return f"/revisions/{ref.rpartition(':')[2]}"
    return f"/exceptions/{ref}" if kind.startswith("exception") else None


def history_chart(
    changes: Sequence[Step], since: datetime, as_of: datetime, width: int
) -> HistoryChart | None:
    """The chart; none without a score."""
    known = [each for each in changes if each.score is not None]
    if not known:
        return None
    low, high, lines = score_range([each.score or 0 for each in known], 4)
    bottom = HEIGHT - _BOTTOM
    y = Scale(low, high, bottom, _TOP)
    begins = max(since, known[0].at) if known[0].at > since else since
    begins = min(begins, as_of - timedelta(hours=1))
    x = Scale(begins.timestamp(), as_of.timestamp(), _LEFT, width - _RIGHT)
    places = [(x(max(each.at, begins).timestamp()), y(each.score or 0)) for each in known]
    line = steps([*places, (x(as_of.timestamp()), places[-1][1])])
    return HistoryChart(
        width=width,
        height=HEIGHT,
        left=_LEFT,
        right=width - _RIGHT,
        bottom=bottom,
        line=line,
        grid=tuple((y(value), f"{value:g}") for value in lines),
        days=_days(begins, as_of, x, width),
        dots=tuple(
            Dot(place[0], place[1], each.kind, _title(each), each.link)
            for place, each in zip(places, known, strict=True)
        ),
    )


def _title(step: Step) -> str:
    moved = f" ({signed(step.change, 2)})" if step.change is not None else ""
    detail = f": {step.detail}" if step.detail else ""
    return f"{short_day(step.at)}: {score(step.score)}{moved}, {step.cause}{detail}"


def _days(
    begins: datetime, ends: datetime, x: Scale, width: int
) -> tuple[tuple[float, str, str], ...]:
    count = max(2, min(5, width // 130))
    if ends - begins < timedelta(days=count):
        return (
            (x(begins.timestamp()), short_day(begins), "start"),
            (x(ends.timestamp()), "now", "end"),
        )
    step = (ends - begins) / (count - 1)
    found = []
    for index in range(count):
        at = begins + step * index
        anchor = "start" if index == 0 else "end" if index == count - 1 else "middle"
        found.append((x(at.timestamp()), short_day(at), anchor))
    return tuple(found)
