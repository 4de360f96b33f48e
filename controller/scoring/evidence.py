"""Bound what an agent gave as evidence. Pure.

Agent text is data: cut to size, control characters made visible, never markup (docs/reference/api.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from controller.model.report import Evidence, Row

MAX_VALUE: Final = 2 * 1024
"""Characters of one value."""
MAX_DETAILS: Final = 4 * 1024
"""Characters of the details."""
MAX_ROWS: Final = 200
MAX_ROWS_TEXT: Final = 16 * 1024
"""Characters of all rows of one result together."""

_CUT: Final = "…"
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def visible(text: str, most: int) -> str:
    """A text of at most ``most`` characters, with control and direction characters spelled out."""
    if len(text) > most:
        text = text[: most - 1] + _CUT
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def plain(value: object, depth: int = 4) -> object:
    """Any JSON value, bounded in depth, length and text."""
    if isinstance(value, str):
        return visible(value, MAX_VALUE)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return _CUT
    if isinstance(value, dict):
        kept = list(value.items())[:50]
        return {visible(str(key), 200): plain(item, depth - 1) for key, item in kept}
    if isinstance(value, list | tuple):
        return [plain(item, depth - 1) for item in value[:50]]
    return visible(str(value), MAX_VALUE)


def bounded(value: object, details: str, rows: Sequence[Row] | None) -> Evidence:
    """Evidence as it is kept; rows are kept whole or not at all, since cut rows cannot be judged."""
    shown = plain(value)
    if value is None and rows:
        shown = plain(dict(rows[0]))
    kept = tuple(rows) if rows is not None and _fit(rows) else None
    return Evidence(shown, visible(details, MAX_DETAILS), kept)


def _harmless(text: str) -> bool:
    return _CONTROL.search(text) is None


def _fit(rows: Sequence[Row]) -> bool:
    if len(rows) > MAX_ROWS:
        return False
    size = 0
    for row in rows:
        for column, text in row.items():
            # What can be printed needs no closer look, and nearly everything can.
            printable = text.isprintable() and column.isprintable()
            if len(text) > MAX_VALUE or not (printable or _harmless(text + column)):
                return False
            size += len(column) + len(text)
    return size <= MAX_ROWS_TEXT
