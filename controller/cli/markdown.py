"""Markdown in which foreign text is only ever text. Pure.

What a document, a commit or a machine says stands in code spans: hosts read no markup, no HTML, no
mention, no reference and no address inside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_WIDEST: Final = 200
_TICKS: Final = re.compile(r"`+")
_CLOSING: Final = "\n</details>\n"


def code(text: object, *, widest: int = _WIDEST) -> str:
    """Foreign text as one code span, on one line, cut to size, fit for a table's cell."""
    plain = "".join(c if c.isprintable() else " " for c in str(text)).strip()
    if len(plain) > widest:
        plain = plain[: widest - 1] + "…"
    if not plain:
        return "(empty)"
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(plain)), default=0))
    # A table ends a cell at a bar even inside code, and takes the backslash away again; elsewhere the
    # backslash would show, so a look-alike stands for the bar everywhere.
    plain = plain.replace("|", "\u00a6")
    space = " " if plain[0] in "` " or plain[-1] in "` " else ""
    return f"{fence}{space}{plain}{space}{fence}"


@dataclass(frozen=True, slots=True)
class Section:
    """A folded part: rows below a fixed head."""

    title: str
    """Our own words only."""
    head: tuple[str, ...]
    rows: Sequence[str]
    """Each a whole line, or whole lines, that can be left out alone."""
    open: bool = False


def fit(summary: str, sections: Sequence[Section], footer: str, limit: int) -> str:
    """Put a comment together that is at most ``limit`` characters long, every part closed.

    Rows are left out from the end of the sections, last sections first, and counted.
    """
    room = limit - len(summary) - len(footer) - 2
    parts = []
    for section in sections:
        text = _folded(section, room)
        if text is None:
            continue
        parts.append(text)
        room -= len(text)
    return f"{summary}\n{''.join(parts)}\n{footer}"


def _folded(section: Section, room: int) -> str | None:
    opened = " open" if section.open else ""
    start = "\n".join(
        [
            "",
            f"<details{opened}><summary>{section.title} ({len(section.rows)})</summary>",
            "",
            *section.head,
            "",
        ]
    )
    more = f"\n\n… and {len(section.rows)} more: the job's log and its JSON have all of them\n"
    room -= len(start) + len(_CLOSING) + len(more)
    if room < 0:
        return None
    kept: list[str] = []
    for row in section.rows:
        room -= len(row) + 1
        if room < 0:
            break
        kept.append(row)
    left = len(section.rows) - len(kept)
    rest = more.replace(str(len(section.rows)), str(left), 1) if left else "\n"
    return start + "\n".join(kept) + rest + _CLOSING
