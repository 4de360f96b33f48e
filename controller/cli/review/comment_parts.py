"""A comment that is longer than a host takes, as numbered parts that each stand alone. Pure.

A part ends between two rows only: never inside a table row, a code span or an open fold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

LIMITS: Final = {"github": 65_536, "gitlab": 1_000_000}
"""Characters that a host takes in one comment."""
LEAST: Final = 8_000
"""A part has room for a summary and some rows at least."""
MOST_PARTS: Final = 10
"""More would bury the conversation; the rows that are left out are counted."""
_MARKER: Final = re.compile(r"^<!-- gitward:plan(?::([2-9]|[1-9][0-9]))? -->$", re.MULTILINE)
_CLOSING: Final = "\n\n</details>\n"
_CUT: Final = "  - …"


@dataclass(frozen=True, slots=True)
class Section:
    """A folded list or table."""

    title: str
    """Our own words only."""
    head: tuple[str, ...]
    """A table's first lines, repeated in every part."""
    rows: Sequence[str]
    """Each a whole line, or whole lines; none of them begins with a marker."""
    open: bool = False


@dataclass(slots=True)
class _Part:
    room: int
    text: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.text.append(text)
        self.room -= size(text)


def marker(number: int) -> str:
    """The first line of a part, by which a later run finds it."""
    return "<!-- gitward:plan -->" if number == 1 else f"<!-- gitward:plan:{number} -->"


def number_of(text: str) -> int | None:
    """Which part a comment is; none when it does not begin with a marker."""
    found = _MARKER.match(text.replace("\r\n", "\n"))
    return None if found is None else int(found[1] or 1)


def size(text: str) -> int:
    """Characters as a host may count them: some keep a line's end as two."""
    return len(text) + text.count("\n")


def divide(text: str) -> list[str] | None:
    """The parts of what ``parts`` made, put together again; none when that is not what it is."""
    starts = [found.start() for found in _MARKER.finditer(text)]
    if not starts or starts[0] != 0:
        return None
    found = [
        text[start:end].rstrip("\n") + "\n"
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    ]
    return found if [number_of(each) for each in found] == [*range(1, len(found) + 1)] else None


def parts(summary: str, sections: Sequence[Section], footer: str, limit: int) -> list[str]:
    """Put a comment together, in as many parts as its host's limit asks for.

    Args:
        summary: What the first part begins with.
        sections: What follows, in this order.
        footer: What every part ends with.
        limit: Characters a part; at least ``LEAST``.
    """
    filling = _Filling(summary, footer, limit, sum(bool(each.rows) for each in sections))
    for section in sections:
        if section.rows:
            filling.add(section)
    return filling.finished()


class _Filling:
    def __init__(self, summary: str, footer: str, limit: int, sections: int) -> None:
        self._summary, self._footer, self._limit = summary, footer, limit
        most = size(_head(MOST_PARTS, MOST_PARTS, "")) + size(_told(MOST_PARTS))
        self._each = limit - most - size(f"\n\n{footer}\n")
        self._kept_free = sections * size(_more(10**9))
        self._parts = [_Part(self._each - size(summary))]

    @property
    def _last(self) -> bool:
        return len(self._parts) == MOST_PARTS

    def _room(self) -> int:
        return self._parts[-1].room - (self._kept_free if self._last else 0)

    def _turn(self) -> None:
        self._parts.append(_Part(self._each))

    def add(self, section: Section) -> None:
        """Let a section's rows follow, over as many parts as it takes."""
        rows = list(section.rows)
        done = 0
        while done < len(rows):
            start = _start(section, continued=done > 0)
            around = size(start) + size(_CLOSING)
            fresh = not self._parts[-1].text and len(self._parts) > 1
            taken: list[str] = []
            room = self._room() - around
            for row in rows[done:]:
                if size(row) + 2 > room and fresh and not taken:
                    row = _cut(row, room - 2)  # alone in a part, and still too long
                if size(row) + 2 > room:
                    break
                taken.append(row)
                room -= size(row) + 2
            done += len(taken)
            left = len(rows) - done
            if taken:
                self._parts[-1].add(start + "\n".join(taken) + _CLOSING)
            if left and self._last:
                self._parts[-1].add(_more(left, section.title))
                return
            if left:
                self._turn()

    def finished(self) -> list[str]:
        """The parts' texts."""
        total = len(self._parts)
        found = []
        for number, part in enumerate(self._parts, 1):
            told = _told(total) if number == 1 and total > 1 else ""
            head = _head(number, total, self._summary)
            found.append(f"{head}{told}{''.join(part.text)}\n\n{self._footer}\n")
        return found


def _head(number: int, total: int, summary: str) -> str:
    if number == 1:
        return f"{marker(1)}\n{summary}"
    return f"{marker(number)}\n### Gitward: part {number} of {total}\n"


def _told(total: int) -> str:
    return f"\nThe details go on in the following comments, {total} in all.\n"


def _start(section: Section, *, continued: bool) -> str:
    opened = " open" if section.open else ""
    title = f"{section.title}{', continued' if continued else ''} ({len(section.rows)})"
    lines = ("", f"<details{opened}><summary>{title}</summary>", "", *section.head, "")
    return "\n".join(lines)


def _more(left: int, title: str = "x" * 80) -> str:
    return f"\n{title}: … and {left} more, which gitward plan --format json names.\n"


def _cut(row: str, room: int) -> str:
    """The first lines of a row of several; nothing is cut inside a line."""
    kept: list[str] = []
    room -= size(_CUT) + 2
    for line in row.split("\n"):
        room -= size(line) + 2
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, _CUT])
