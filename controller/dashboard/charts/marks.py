"""Marks on a line: what moved the score, written beside the line where there is room. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from controller.dashboard.words import cut, signed

MONO: Final = 6.7
"""Pixels of a character at 11 px, of the type in which all are of one width."""
SANS: Final = 6.0
"""Likewise of an average character of the other."""
LEAST_EFFECT: Final = 0.005
"""Points: what is less is shown as 0.00 and is no mark."""
TIP_LINES: Final = 3
TIP_LINE, TIP_PAD = 16, 10
_GAP: Final = 7
_SHORTEST: Final = 12
"""Characters below which a text says too little to be written."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The box that shows when a mark is pointed at or has the focus."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What moved the score on one day."""

    x: float
    y: float
    link: str
    name: str
    """A commit's seven digits, an exception's id."""
    subject: str
    effect: float
    """Points."""
    when: str
    """The last line of the tip."""
    label: bool = False
    """Whether it is written beside the line."""
    tier: int = 0
    """Which of the two rows of labels."""
    to_left: bool = False
    """Whether its texts end at the line instead of beginning there."""
    room: float = 0
    """Pixels that its texts have."""
    tip: Tip | None = None

    @property
    def title(self) -> str:
        """What the mark is called for those who do not see it."""
        return f"{self.name}, {self.subject}: {signed(self.effect, 2)} points"

    @property
    def short_name(self) -> str:
        """The name as far as it fits beside the effect."""
        return cut(self.name, int((self.room - 7 * SANS) / MONO))

    @property
    def short_subject(self) -> str:
        """The subject as far as it fits."""
        return cut(self.subject, int(self.room / SANS))


def arranged(marks: Sequence[Mark], width: int) -> tuple[Mark, ...]:
    """Marks from left to right with their labels placed: those of the strongest effects have one."""
    most = 1 if width < 400 else 2 if width < 560 else 4
    strongest = sorted(range(len(marks)), key=lambda index: -abs(marks[index].effect))[:most]
    placed = _placed([marks[index] for index in sorted(strongest)], width)
    found = []
    for mark in marks:
        shown = placed.get(mark.x)
        where = shown if shown is not None and shown.subject == mark.subject else mark
        found.append(replace(where, tip=_tip(mark, width)))
    return tuple(found)


def _placed(marks: Sequence[Mark], width: int) -> dict[float, Mark]:
    """The labels, by pixel; a label ends where the next line that crosses its row begins."""
    rows: list[Mark] = []
    ends = [0.0, 0.0]
    for mark in marks:
        wide = max(SANS * len(mark.subject), MONO * len(mark.name) + 7 * SANS) + _GAP
        to_left = mark.x + wide > width and mark.x - max(ends) > width - mark.x
        tier = 0 if (mark.x - wide if to_left else mark.x) >= ends[0] else 1
        # What does not fit is cut, so a row is free again at the next mark in any case.
        ends[tier] = mark.x if to_left else mark.x + wide
        rows.append(replace(mark, tier=tier, to_left=to_left, room=wide))
    return {mark.x: mark for mark in _with_room(rows, width) if mark.label}


def _with_room(marks: list[Mark], width: int) -> list[Mark]:
    found: list[Mark] = []
    for index, mark in enumerate(marks):
        # The line of a mark in the upper row crosses the lower one, not the other way round.
        later = [m for m in marks[index + 1 :] if m.tier <= mark.tier]
        earlier = [m for m in found if m.tier <= mark.tier and m.label]
        if mark.to_left:
            begins = max((m.x if m.to_left else m.x + m.room for m in earlier), default=0.0)
            free = mark.x - begins - 2 * _GAP
        else:
            ends = min((m.x for m in later), default=float(width))
            free = ends - mark.x - 2 * _GAP
        room = min(free, mark.room)
        found.append(replace(mark, room=room, label=room >= _SHORTEST * SANS))
    return found


def _tip(mark: Mark, width: int) -> Tip:
    most = int((width - 2 * TIP_PAD) / SANS)
    lines = (
        f"{cut(mark.name, most - 16)}  {signed(mark.effect, 2)} points",
        cut(mark.subject, most),
        cut(mark.when, most),
    )
    wide = min(float(width), max(len(line) for line in lines) * (SANS + 0.3) + 2 * TIP_PAD)
    tall = TIP_LINES * TIP_LINE + TIP_PAD
    left = min(max(mark.x - wide / 2, 0.0), width - wide)
    above = mark.y - tall - 12
    return Tip(
        round(left, 1), round(above if above >= 0 else mark.y + 12, 1), round(wide, 1), tall, lines
    )
