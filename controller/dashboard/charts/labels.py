"""Where a chart's texts go: days below, and what is written beside marks above. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from controller.dashboard.charts.scale import Scale
from controller.dashboard.words import short_day


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text of one mark goes."""

    shown: bool
    """Whether there is room to write it beside the line."""
    tier: int
    """Which of the two rows of labels."""
    to_left: bool
    """Whether its texts end at the line instead of beginning there."""


def placed(texts: Sequence[tuple[float, float, float]], width: int) -> list[Place]:
    """Places for texts from left to right; those of the strongest effects are shown.

    Args:
        texts: Pixel of the mark, pixels that its text is wide, and its effect.
        width: Of the chart, in pixels.
    """
    most = 1 if width < 500 else 4
    labelled = set(sorted(range(len(texts)), key=lambda index: -abs(texts[index][2]))[:most])
    found: list[Place] = []
    ends = [0.0, 0.0]
    for index, (x, wide, _) in enumerate(texts):
        to_left = x + wide > width
        start = x - wide if to_left else x
        tier = next((t for t in (0, 1) if start >= ends[t]), None)
        room = index in labelled and tier is not None and start >= 0
        if room and tier is not None:
            ends[tier] = x + 8 if to_left else start + wide
        found.append(Place(room, tier or 0, to_left))
    return found


def day_labels(days: Sequence[date], x: Scale, width: int) -> tuple[tuple[float, str, str], ...]:
    """A few days below the chart: pixel, text and anchor."""
    wanted = max(2, min(5, width // 130))
    last = len(days) - 1
    indices = sorted({round(index * last / (wanted - 1)) for index in range(wanted)})
    anchors = {0: "start", last: "end"}
    return tuple(
        (x(days[index].toordinal()), short_day(days[index]), anchors.get(index, "middle"))
        for index in indices
    )
