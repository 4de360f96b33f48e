"""When exceptions begin and end, as bars over a year. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from controller.dashboard.charts.scale import Scale
from controller.dashboard.words import cut
from controller.model.documents import Waiver
from controller.model.managed import Managed
from controller.model.terms import WaiverState
from controller.scoring.waivers import starts_at

ROW: Final = 26
_TOP: Final = 26
_LABEL: Final = 208
_BEHIND: Final = timedelta(days=30)
_MOST: Final = 14


@dataclass(frozen=True, slots=True)
class Bar:
    """One exception's time."""

    id: str
    label: str
    state: WaiverState
    x: float
    y: float
    width: float
    ends: datetime | None
    open: bool
    """It goes on beyond the drawing."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Coordinates, ready to be drawn."""

    width: int
    height: int
    left: float
    right: float
    today: float
    months: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]
    left_out: int
    """How many more there are, which end later."""


def calendar(
    waivers: Sequence[tuple[Managed[Waiver], WaiverState]], as_of: datetime, width: int
) -> Calendar | None:
    """Exceptions in force and to come, the next to end first; none when there is none."""
    far = datetime.max.replace(tzinfo=UTC)
    coming = [each for each in waivers if each[1] != "expired"]
    coming.sort(key=lambda each: (each[0].document.expires_at or far, each[0].id))
    shown = coming[:_MOST]
    if not shown:
        return None
    latest = max((each.document.expires_at or as_of for each, _ in shown), default=as_of)
    begins = as_of - _BEHIND
    ends = min(max(latest, as_of + timedelta(days=90)), as_of + timedelta(days=370))
    label = _LABEL if width > 500 else 0
    row = ROW if label else ROW + 14
    x = Scale(begins.timestamp(), ends.timestamp(), label, width - 8)
    bars = []
    for index, (waiver, state) in enumerate(shown):
        first = max(starts_at(waiver), begins)
        last = waiver.document.expires_at or far
        left, right = x(min(first, ends).timestamp()), x(min(last, ends).timestamp())
        y = _TOP + index * row + (row - 10 if not label else row / 2)
        bars.append(
            Bar(
                waiver.id,
                cut(waiver.id, 28),
                state,
                left,
                y,
                max(3.0, round(right - left, 1)),
                waiver.document.expires_at,
                last > ends,
            )
        )
    return Calendar(
        width=width,
        height=_TOP + len(shown) * row + 6,
        left=label,
        right=width - 8,
        today=x(as_of.timestamp()),
        months=_months(begins, ends, x, 1 if label else 3),
        bars=tuple(bars),
        left_out=len(coming) - len(shown),
    )


def _months(
    begins: datetime, ends: datetime, x: Scale, every: int
) -> tuple[tuple[float, str], ...]:
    found: list[tuple[float, str]] = []
    at = begins.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while at <= ends:
        if at >= begins and (at.month - 1) % every == 0:
            found.append((x(at.timestamp()), f"{at:%b %Y}" if at.month == 1 else f"{at:%b}"))
        at = (at + timedelta(days=32)).replace(day=1)
    return tuple(found)
