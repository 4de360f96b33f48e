"""Tables on standard output: with colours for a terminal, plain and aligned for everything else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headers."""
    texts = [[cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _rich(headers, texts)
        return
    widths = [max(map(len, column)) for column in zip(headers, *texts, strict=True)]
    for row in (headers, *texts):
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())


def cell(value: object) -> str:
    """A value as one line of plain text: agents and commits must not steer the terminal."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}"
        case list() | tuple():
            return ", ".join(map(cell, value)) or "-"
        case _:
            return printable(str(value)) or "-"


def printable(text: str) -> str:
    """The text without control and other unprintable characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def short_time(text: str | None) -> str | None:
    """An API time to the minute, in UTC."""
    if text is None:
        return None
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%MZ")


def _rich(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
