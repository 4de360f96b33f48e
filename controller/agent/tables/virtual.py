"""Make a table visible to SQLite as an apsw virtual table, with constraints handed down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, cast

import apsw

from controller.agent.tables.system import System
from controller.agent.tables.table import Constraints, Table, TableRow, Value
from controller.errors import QueryFailedError, TableUnreadableError

_EQUAL: Final = apsw.SQLITE_INDEX_CONSTRAINT_EQ
_LIKE: Final = apsw.SQLITE_INDEX_CONSTRAINT_LIKE
_SCAN_COST: Final = 10_000.0
_INDEXED_COST: Final = 10.0
_IMPOSSIBLE_COST: Final = 1e12
"""For a plan without a required column: chosen only when there is no other."""


def register(connection: apsw.Connection, table: Table, system: System) -> None:
    """Make the table answer by its own name, without any CREATE."""
    connection.create_module(
        table.name,
        cast("apsw.VTModule", _Module(table, system)),
        use_bestindex_object=True,
        eponymous_only=True,
        read_only=True,
    )


class _Module:
    def __init__(self, table: Table, system: System) -> None:
        self._table = table
        self._system = system

    def Connect(self, *_: Any) -> tuple[str, _Virtual]:  # noqa: N802, ANN401 - apsw's protocol
        columns = ", ".join(
            f'"{column.name}" {column.type}{" HIDDEN" if column.hidden else ""}'
            for column in self._table.columns
        )
        return f"CREATE TABLE x({columns})", _Virtual(self._table, self._system)

    Create = Connect


class _Virtual:
    def __init__(self, table: Table, system: System) -> None:
        self._table = table
        self._system = system

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:  # noqa: N802
        """Take every usable ``=`` and ``LIKE`` on an indexed column."""
        plan: list[tuple[int, str]] = []
        for number in range(info.nConstraint):
            name = self._indexed(info, number)
            if name is not None:
                plan.append((info.get_aConstraint_op(number), name))
                info.set_aConstraintUsage_argvIndex(number, len(plan))
        info.idxStr = json.dumps(plan)
        fixed = {name for _, name in plan}
        if self._table.required and not fixed & self._table.required:
            info.estimatedCost = _IMPOSSIBLE_COST
        else:
            info.estimatedCost = _INDEXED_COST if plan else _SCAN_COST
        return True

    def _indexed(self, info: apsw.IndexInfo, number: int) -> str | None:
        column = info.get_aConstraint_iColumn(number)
        if column < 0 or not info.get_aConstraint_usable(number):
            return None
        name = self._table.columns[column].name
        operator = info.get_aConstraint_op(number)
        # Under another collation 'A' equals 'a', and reading only 'A' would lose rows.
        exact = operator == _EQUAL and info.get_aConstraint_collation(number) == "BINARY"
        return name if name in self._table.index and (exact or operator == _LIKE) else None

    def Open(self) -> _Cursor:  # noqa: N802
        return _Cursor(self._table, self._system)

    def Disconnect(self) -> None:  # noqa: N802
        """Nothing is held."""

    Destroy = Disconnect


class _Cursor:
    def __init__(self, table: Table, system: System) -> None:
        self._table = table
        self._system = system
        self._rows: Iterator[TableRow] = iter(())
        self._row: TableRow | None = None

    def Filter(self, _number: int, plan: str, values: tuple[Value, ...]) -> None:  # noqa: N802
        """Start reading; which constraints ``values`` belong to is in ``plan``."""
        equal: dict[str, str] = {}
        like: dict[str, str] = {}
        impossible = False
        for (operator, name), value in zip(json.loads(plan), values, strict=True):
            impossible = impossible or value is None  # nothing equals NULL
            (equal if operator == _EQUAL else like)[name] = str(value)
        table = self._table
        if table.required and not table.required & (equal.keys() | like.keys()):
            names = " or ".join(sorted(table.required, reverse=True))
            raise QueryFailedError(
                f"table {table.name!r} needs {names} in WHERE, compared with = or LIKE"
            )
        rows = () if impossible else table.rows(self._system, Constraints(equal, like))
        self._rows = iter(rows)
        self.Next()

    def Eof(self) -> bool:  # noqa: N802
        return self._row is None

    def Next(self) -> None:  # noqa: N802
        self._system.tick()
        self._row = next(self._rows, None)

    def Column(self, number: int) -> Value:  # noqa: N802
        value = None if self._row is None else self._row.get(self._table.columns[number].name)
        if isinstance(value, TableUnreadableError):
            raise value
        return value

    def Rowid(self) -> int:  # noqa: N802
        """A number for what the row says, the same in every scan of the table.

        For ``a = 1 OR b = 2`` SQLite scans twice and takes rows of one number for the same row.
        """
        return hash(tuple(sorted((name, str(value)) for name, value in (self._row or {}).items())))

    def Close(self) -> None:  # noqa: N802
        self._rows = iter(())
