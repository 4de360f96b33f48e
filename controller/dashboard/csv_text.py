"""Tables as CSV that no spreadsheet takes for formulas. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.responses import Response

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """A cell's text; what a spreadsheet would run gets an apostrophe in front. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole table, RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def csv_answer(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A download; ``name`` is ours, never from a request."""
    return Response(
        csv_text(heads, rows),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
