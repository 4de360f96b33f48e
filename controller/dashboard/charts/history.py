"""A machine's score as steps, with what moved it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from controller.dashboard.charts.plot import Plot, plot, wanted_labels
from controller.dashboard.charts.scale import Scale, steps
from controller.dashboard.words import score, short_day, signed
from controller.fleet.history import HistoryPoint

HEIGHT: Final = 190
_TOP: Final = 16
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

    plot: Plot
    line: str
    area: str
    dots: tuple[Dot, ...]


def steps_of(
    points: Sequence[HistoryPoint],
    before: float | None = None,
    turned: Mapping[datetime, str] = MappingProxyType({}),
) -> list[Step]:
    """The changes, oldest first, each with its cause in words.

    Args:
        points: Oldest first.
        before: The score until then; none when there was none.
        turned: What reports turned, by their time.
    """
    found: list[Step] = []
    previous = before
    for point in points:
        cause = point.cause
        change = None
        if previous is not None and point.score is not None:
            change = round(point.score - previous, 2)
        found.append(
            Step(
                at=point.at,
                score=point.score,
                change=change,
                risk=point.risk_level,
                kind=cause.kind,
                cause=_CAUSES[cause.kind],
                detail=cause.detail if cause.kind != "report" else turned.get(point.at, ""),
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
    changes: Sequence[Step], before: float | None, since: datetime, as_of: datetime, width: int
) -> HistoryChart | None:
    """The chart; none without a score.

    Args:
        changes: Oldest first.
        before: The score when the time shown begins; none when there was none.
        since: When it begins.
        as_of: When it ends.
        width: In pixels.
    """
    known = [(each, each.score) for each in changes if each.score is not None]
    values = [score for _, score in known] + ([before] if before is not None else [])
    if not values:
        return None
    begins = since if before is not None else max(since, known[0][0].at)
    begins = min(begins, as_of - timedelta(hours=1))
    frame = _plot(values, begins, as_of, width)
    places = [(frame.x(max(each.at, begins).timestamp()), frame.y(score)) for each, score in known]
    start = [(frame.left, frame.y(before))] if before is not None else []
    last = (places or start)[-1][1]
    line = steps([*start, *places, (frame.right, last)])
    return HistoryChart(
        plot=frame,
        line=line,
        area=frame.area(line, (start or places)[0][0], frame.right),
        dots=tuple(
            Dot(place[0], place[1], each.kind, _title(each), each.link)
            for place, (each, _) in zip(places, known, strict=True)
        ),
    )


def _plot(scores: Sequence[float], begins: datetime, ends: datetime, width: int) -> Plot:
    """As other charts have it, but over moments instead of days."""
    days = plot(scores, [begins.date(), ends.date()], width=width, height=HEIGHT, top=_TOP)
    x = Scale(begins.timestamp(), ends.timestamp(), days.left, days.right)
    return replace(days, x=x, days=_days(begins, ends, x, width))


def _title(step: Step) -> str:
    moved = f" ({signed(step.change, 2)})" if step.change is not None else ""
    detail = f": {step.detail}" if step.detail else ""
    return f"{short_day(step.at)}: {score(step.score)}{moved}, {step.cause}{detail}"


def _days(
    begins: datetime, ends: datetime, x: Scale, width: int
) -> tuple[tuple[float, str, str], ...]:
    count = wanted_labels(width)
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
