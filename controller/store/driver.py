"""The port to a database: what differs between SQLite and PostgreSQL, and nothing else.

Statements are written once, in SQL that both understand (``ON CONFLICT``, ``RETURNING``, ``?`` for a
parameter); a driver runs them and turns its library's errors into ``StoreError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Value = int | float | str | bytes | None
Record = tuple[Any, ...]


class Session(Protocol):
    """A connection inside a snapshot or a transaction."""

    def all(self, sql: str, parameters: Sequence[Value] = ()) -> list[Record]: ...
    def one(self, sql: str, parameters: Sequence[Value] = ()) -> Record | None: ...
    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run a statement; how many rows it touched."""
        ...

    def many(
        self, sql: str, parameters: Iterable[Sequence[Value]], *, repeatable: bool = False
    ) -> None:
        """Run a statement for many rows; ``repeatable``: a row may as well be written twice."""
        ...

    def columns(
        self, columns: Sequence[str], source: str, parameters: Sequence[Value] = ()
    ) -> list[list[int]]:
        """Whole numbers of very many rows, as a list a column; rows stand in any order.

        Args:
            columns: An expression each, never null.
            source: FROM, and what follows it.
            parameters: Of the source.
        """
        ...

    def wanted(self) -> bool:
        """Whether somebody in this process waits for this transaction's end, to write in turn."""
        ...

    def give_back(self, pages: int) -> bool:
        """Give some of the room that deletes left back to the file system; whether there is more."""
        ...


class Driver(Protocol):
    """A database with one writer at a time."""

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot; what others commit meanwhile is not seen."""
        ...

    def writing(self) -> AbstractContextManager[Session]:
        """The one transaction that may write; committed durably when its block ends."""
        ...

    def idle(self) -> AbstractContextManager[None]:
        """Nothing is written from here until the block ends; whoever wants to write waits."""
        ...

    def idle_now(self) -> Callable[[], None] | None:
        """As ``idle``, if nobody writes or waits to; what is returned ends it. Never waits."""
        ...

    def glance(self, sql: str, parameters: Sequence[Value] = ()) -> Record | None:
        """One row, outside any snapshot: for what is asked at every request and found by its key."""
        ...

    def integrity(self) -> list[str]:
        """What the database itself finds wrong with its files; empty when nothing."""
        ...

    def close(self) -> None: ...
