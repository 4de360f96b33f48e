"""SQLite behind the driver port.

One connection a process owns every write and every checkpoint; all others are read-only. The process
that records reports writes while the controller's own writer is idle. That, and a library of at least
3.51.3, keeps the WAL-reset race of older releases out by construction.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any

import msgspec
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from controller.errors import SchemaMismatchError, StoreUnavailableError
from controller.store.driver import Record, Value
from controller.store.schema import MIGRATIONS, statements
from controller.store.sqlite.turns import Turns

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        # The system's library may be too old: 3.40 has the WAL-reset race.
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3

LIBRARY_RELEASE: str = sqlite3.sqlite_version
PATIENCE = 5.0
"""Seconds that a transaction waits for another process to let it write."""
_POLL_SECONDS = 0.001
"""Between two attempts to begin. The library's own waiting grows to a tenth of a second: it would never
meet the millisecond between two steps of a controller that judges a large fleet again."""
_IDLE_READERS = 16
_LOG_PAGES = 8_192
"""Pages of 4 KiB that the log may grow to before it is folded into the database."""
_FREE_SHARE = 8
"""One page in so many may stand free: what comes uses it again."""

# Of a value that is no number or text the driver asks for an adapter, and where there is none it looks for
# two attributes in vain: that takes ten times as long as handing the value over.
sqlite3.register_adapter(bytes, bytearray)
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(type(None), dict[None, None]().get)

_numbers = msgspec.json.Decoder(list[int]).decode


_SIZES = (64, 56, 48, 40, 32, 28, 24, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)
"""Rows that one statement inserts: any number below the largest is one of these, or two together.

The library lets go of the interpreter at every step, and takes it back from threads that want it too.
So a step for each row costs more than the row; a few fixed sizes are compiled once each.
"""
_VALUES = re.compile(r" VALUES (\([^()]+\))")


@lru_cache(maxsize=4096)
def _sizes(count: int, *, repeatable: bool) -> tuple[int, ...]:
    """How many rows each statement inserts; ``repeatable``: the last may insert its last row repeatedly."""
    most = _SIZES[0]
    found, left = [most] * (count // most), count % most
    if repeatable and left:
        return (*found, min(each for each in _SIZES if each >= left))
    for size in _SIZES:
        while left >= size:
            found.append(size)
            left -= size
    return tuple(found)


@cache
def _for_rows(sql: str, count: int) -> str:
    """An ``INSERT`` of one row as one of so many."""
    return _VALUES.sub(lambda found: f" VALUES {', '.join([found[1]] * count)}", sql, count=1)


def _nobody() -> bool:
    return False


class SqliteSession:
    """A connection inside a transaction."""

    def __init__(
        self, connection: sqlite3.Connection, wanted: Callable[[], bool] = _nobody
    ) -> None:
        self._connection = connection
        self.wanted = wanted

    def all(self, sql: str, parameters: Sequence[Value] = ()) -> list[Record]:
        return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Value] = ()) -> Record | None:
        row: Record | None = self._connection.execute(sql, parameters).fetchone()
        return row

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def many(
        self, sql: str, parameters: Iterable[Sequence[Value]], *, repeatable: bool = False
    ) -> None:
        rows = list(parameters)
        if _VALUES.search(sql) is None:
            self._connection.executemany(sql, rows)
            return
        start = 0
        for size in _sizes(len(rows), repeatable=repeatable):
            some = rows[start : start + size]
            some += some[-1:] * (size - len(some))
            self._connection.execute(_for_rows(sql, size), list(chain.from_iterable(some)))
            start += size

    def columns(
        self, columns: Sequence[str], source: str, parameters: Sequence[Value] = ()
    ) -> list[list[int]]:
        # The library's own JSON is one value to hand over where rows would be thousands.
        arrays = ", ".join(f"json_group_array({column})" for column in columns)
        row = self._connection.execute(f"SELECT {arrays} {source}", parameters).fetchone()
        return [_numbers(column) for column in row]

    def give_back(self, pages: int) -> bool:
        free, before = self._pages()
        if free * _FREE_SHARE <= before:
            return False
        self._connection.execute(f"PRAGMA incremental_vacuum({pages:d})").fetchall()
        # A database made before this was asked for cannot shrink in place: nothing moves.
        return self._pages()[1] < before

    def _pages(self) -> tuple[int, int]:
        """How many pages are free, and how many there are."""
        free, every = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("freelist_count", "page_count")
        )
        return free, every


class SqliteDriver:
    """One database file."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        """Open or create the database and bring its schema up to date.

        Args:
            path: Of the database.
            patience: Seconds that a transaction waits while another process writes.

        Raises:
            SchemaMismatchError: A newer release wrote it.
            StoreUnavailableError: It cannot be opened.
        """
        self._path = path
        self._patience = patience
        self._turns = Turns()
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._readers: set[sqlite3.Connection] = set()
        with _translated():
            self._writer = self._connect(read_only=False)
            self._migrate()
            self._writer.execute("PRAGMA busy_timeout = 0")  # from here on, ``_begin`` waits
            self._glancer = self._connect(read_only=True)
        self._readers.add(self._glancer)
        self._glancing = threading.Lock()

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            if not connection.execute("PRAGMA page_count").fetchone()[0]:  # a new database
                # Room that deletes leave can be given back a portion at a time.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -65536")
            # Fold the log back in larger portions: what many transactions wrote is then written once.
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_PAGES * 4096}")
        return connection

    def _migrate(self) -> None:
        database = Database(self._writer)
        migrations = Migrations("gitward")
        for name, script in MIGRATIONS:
            migrations(name=name)(_migration(script))
        known = {name for name, _ in MIGRATIONS}
        newer = [done.name for done in migrations.applied(database) if done.name not in known]
        if newer:
            raise SchemaMismatchError(
                f"{self._path} was written by a newer release (it has {newer[0]!r}); "
                "upgrade gitward or use another data folder"
            )
        with database.atomic():  # all of them or none, and synced once
            migrations.apply(database)

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteSession]:
        with _translated():
            try:
                connection = self._idle.get_nowait()
            except Empty:
                connection = self._connect(read_only=True)
                self._readers.add(connection)
            try:
                connection.execute("BEGIN")
                yield SqliteSession(connection)
            finally:
                connection.rollback()
                if self._idle.qsize() < _IDLE_READERS:
                    self._idle.put(connection)
                else:
                    self._readers.discard(connection)
                    connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteSession]:
        with self._turns, _translated():
            self._begin()
            try:
                yield SqliteSession(self._writer, self._turns.wanted)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        with self._turns:
            yield

    def idle_now(self) -> Callable[[], None] | None:
        return self._turns.give_back if self._turns.take() else None

    def _begin(self) -> None:
        """Begin to write, as soon as no other process does."""
        ends = time.monotonic() + self._patience
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() >= ends:
                    raise StoreUnavailableError(
                        f"another process has been writing to {self._path} for "
                        f"{self._patience:g} seconds; try again when it has finished"
                    ) from error
                time.sleep(_POLL_SECONDS)
            else:
                return

    def integrity(self) -> list[str]:
        try:
            with self.reading() as session:
                found = [str(row[0]) for row in session.all("PRAGMA integrity_check")]
        except StoreUnavailableError as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def glance(self, sql: str, parameters: Sequence[Value] = ()) -> Record | None:
        with self._glancing, _translated():
            row: Record | None = self._glancer.execute(sql, parameters).fetchone()
        return row

    def close(self) -> None:
        """Close every connection; the last one folds the log into the database."""
        with self._turns:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            self._writer.close()


def _migration(script: str) -> Any:  # noqa: ANN401 - the library's own callable type
    def migrate(database: Database) -> None:
        for statement in statements(
            script,
            bytes_type="BLOB",
            serial="INTEGER PRIMARY KEY AUTOINCREMENT",
            strict="STRICT",
            clustered="WITHOUT ROWID",
        ):
            database.execute(statement)

    return migrate


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into what the caller can act on."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise StoreUnavailableError(f"the store cannot be used now: {error}") from error
