"""What a table is: columns, and rows made on demand from a system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from controller.agent.tables.system import System
from controller.errors import TableUnreadableError

Value = str | int | float | None
TableRow = Mapping[str, Value | TableUnreadableError]
"""A column that a row leaves out is NULL; an error is raised when the query looks at its column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; a hidden one answers when named and is left out of ``SELECT *``."""

    name: str
    type: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the query fixes about a table's indexed columns.

    Only a hint for reading less: the SQL engine checks every row again.
    """

    equal: Mapping[str, str] = field(default_factory=dict)
    like: Mapping[str, str] = field(default_factory=dict)

    def number(self, column: str) -> int | None:
        """The whole number that a column must equal, or none."""
        text = self.equal.get(column, "")
        return int(text) if text.lstrip("-").isdecimal() and text.count("-") < 2 else None


@dataclass(frozen=True, slots=True)
class Table:
    """One table."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[System, Constraints], Iterable[TableRow]]
    index: frozenset[str] = frozenset()
    """Columns whose ``=`` and ``LIKE`` are handed to ``rows``."""
    required: frozenset[str] = frozenset()
    """At least one of these must be fixed by the query; osquery's rule for ``file`` and ``hash``."""


def columns(text: str) -> tuple[Column, ...]:
    """Columns from ``name``, ``name:type`` or ``name:type:hidden``, separated by blanks."""
    return tuple(_column(*word.split(":")) for word in text.split())


def _column(name: str, type_: str = "text", hidden: str = "") -> Column:
    return Column(name, type_.upper(), hidden == "hidden")
