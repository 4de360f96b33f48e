"""Run one query over our own tables, in this process, with reading as the only thing allowed.

Queries come from git and run as root on other people's machines. SQLite's authorizer lets through
SELECT, columns of our tables and functions that only compute; nothing is attached, created, changed or
loaded; time, rows and bytes are bounded. ``controller.agent.worker`` adds the bound that holds when
this process itself does not come back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import apsw
import apsw.ext

from controller.agent import functions
from controller.agent.answer import MOST_BYTES, MOST_QUERY, Answer, Rows, clean
from controller.agent.tables.registry import TABLES
from controller.agent.tables.system import System
from controller.agent.tables.table import Value
from controller.agent.tables.virtual import register
from controller.errors import QueryFailedError

QUERY_SECONDS: Final = 30.0
"""How long one query may take; the same as SlimRMM's agent allows."""
HEAP_BYTES: Final = 64 * 1024 * 1024
"""What the SQL engine may hold in memory; it has no disk to fall back on."""
_STEPS_BETWEEN_LOOKS: Final = 10_000
_READABLE: Final = frozenset({*TABLES, "json_each", "json_tree"})
_LIMITS: Final = {
    apsw.SQLITE_LIMIT_LENGTH: 4 * MOST_BYTES,
    apsw.SQLITE_LIMIT_SQL_LENGTH: 4 * MOST_QUERY,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 500,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def run_query(
    sql: str,
    system: System | None = None,
    *,
    seconds: float = QUERY_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Rows:
    """The rows of one SELECT, every value in osquery's text form (NULL is empty).

    Raises:
        QueryFailedError: It is no single SELECT, is wrong, or went past a bound.
        TableUnreadableError: A table that it reads cannot be read on this machine.
    """
    if len(sql) > MOST_QUERY:
        raise QueryFailedError(f"the query is longer than {MOST_QUERY} characters")
    deadline = clock() + seconds

    def late() -> bool:
        return clock() >= deadline

    def tick() -> None:
        if late():
            raise _too_late(seconds)

    connection = _open(replace(system or System(), tick=tick))
    try:
        connection.set_progress_handler(late, _STEPS_BETWEEN_LOOKS)
        return _rows(connection, sql)
    except apsw.InterruptError as error:
        raise _too_late(seconds) from error
    except (apsw.NoMemError, MemoryError) as error:
        raise QueryFailedError("the query needs more memory than it may have") from error
    except apsw.Error as error:
        raise QueryFailedError(f"the query was refused: {error}") from error
    except (ValueError, TypeError, ArithmeticError, RecursionError, re.error) as error:
        raise QueryFailedError(f"the query failed: {error}") from error
    finally:
        connection.close()


def _too_late(seconds: float) -> QueryFailedError:
    return QueryFailedError(f"the query was ended after its deadline of {seconds:g} s")


def _open(system: System) -> apsw.Connection:
    apsw.hard_heap_limit(HEAP_BYTES)
    connection = apsw.Connection(":memory:")
    connection.pragma("temp_store", 2)  # sorting never spills to a file
    # A misspelt column is an error, never a constant text.
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    for limit, value in _LIMITS.items():
        connection.limit(limit, value)
    for table in TABLES.values():
        register(connection, table, system)
    functions.register(connection)
    connection.authorizer = _authorize
    return connection


def _authorize(
    action: int, first: str | None, second: str | None, _database: str | None, _by: str | None
) -> int:
    if action in {apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE}:
        return apsw.SQLITE_OK
    # No column is named when rows are only counted; a common table expression shows up so too.
    if action == apsw.SQLITE_READ and (first in _READABLE or not second):
        return apsw.SQLITE_OK
    if action == apsw.SQLITE_FUNCTION and (second or "").lower() in functions.SAFE:
        return apsw.SQLITE_OK
    return apsw.SQLITE_DENY


def _rows(connection: apsw.Connection, sql: str) -> Rows:
    info = apsw.ext.query_info(connection, sql)
    if (info.query_remaining or "").strip():
        raise QueryFailedError("one statement at a time; something follows the first")
    if info.is_explain or not info.description:
        raise QueryFailedError("only a SELECT that returns columns can be run")
    names = [clean(name) for name, _ in info.description]
    answer = Answer()
    for values in connection.execute(info.first_query):
        texts = [_text(connection, value) for value in values]
        answer.add(dict(zip(names, texts, strict=True)))
    return answer.rows()


def _text(connection: apsw.Connection, value: Value | bytes) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        # SQLite's own wording of a real number, which is osquery's.
        return str(connection.execute("SELECT ? || ''", (value,)).get)
    return clean(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
