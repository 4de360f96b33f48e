"""Compile a check's query against osquery's tables; it is never run.

The only place outside the store that touches SQLite: empty in-memory databases, one per platform,
that hold the tables which queries name. An authorizer lets nothing but reading through, and queries
that would make compiling itself run away are refused first.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

from controller.config.finding import did_you_mean
from controller.config.sql_tokens import (
    Token,
    constrained,
    expansion,
    names,
    tokens,
    with_bracketed_names,
)
from controller.model.terms import Platform

_LETTERS: Final[dict[Platform, str]] = {"darwin": "d", "linux": "l", "windows": "w"}
_MOST_COPIES: Final = 1_000
_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_HIDDEN_TABLE: Final = re.compile(r"sqlite_|pragma_")
# What osquery adds to SQLite's own functions (its documentation, "SQL additions").
_FUNCTIONS: Final = """
    split regex_match regex_split inet_aton community_id_v1 in_cidr_block concat concat_ws to_base64
    from_base64 conditional_to_base64 sha1 sha256 md5 version_compare regexp sqrt log log10 ln exp
    power pow ceil ceiling floor square sin cos tan cot asin acos atan radians degrees pi
"""
_TEXT: Final = re.compile("'[^']*(?:''[^']*)*'")
_OTHER_QUOTES: Final = ('"', "`", "[", "--", "/*")
"""Other quotes, and comments, in which a quote means nothing."""
_BLANK: Final = "?"
"""Outside of texts and names a query has none: it would be a parameter."""
_BLANK_TEXT: Final = f"'{_BLANK}'"
_MISSING: Final = re.compile(r"no such (table|column|function): (.*)", re.DOTALL)


class QueryProblem(NamedTuple):
    """What is wrong with a query."""

    code: str
    message: str


class Compiled(NamedTuple):
    """The outcome of compiling a query for all its platforms."""

    problems: tuple[QueryProblem, ...]
    columns: frozenset[str] | None
    """The columns it returns, none when it does not compile."""
    event_tables: tuple[str, ...]
    """Tables it reads that only osquery's daemon fills."""


@dataclass(frozen=True, slots=True)
class Table:
    """An osquery table. Platforms are letters: d, l, w."""

    on: str
    columns: Mapping[str, str]
    required: tuple[str, ...]
    """A query must constrain one of these."""
    only: Mapping[str, str]
    """Columns that not every platform of the table has."""
    event: bool

    def has(self, column: str, letter: str) -> bool:
        """Whether the column exists on the platform."""
        return column in self.columns and letter in self.only.get(column, self.on)


@cache
def tables() -> Mapping[str, Table]:
    """Osquery's tables by name."""
    text = Path(__file__).with_name("osquery_schema.json").read_text(encoding="utf-8")
    return {
        name: Table(
            entry["on"],
            entry["columns"],
            tuple(entry.get("required", ())),
            entry.get("only", {}),
            entry.get("event", False),
        )
        for name, entry in json.loads(text)["tables"].items()
    }


@lru_cache(maxsize=65_536)
def compile_query(query: str, platforms: tuple[Platform, ...]) -> Compiled:
    """Compile a query for each platform. Never raises, never runs anything.

    Queries of a catalog often differ in their texts alone, such as a path that they look for. What
    the texts are decides nothing while compiling, unless one stands for a name: then it is in the
    names of the columns, or nothing of that name is found. So the form is compiled once for all.
    """
    form = _form(query)
    compiled = _compile(form, platforms) if form is not None else None
    if (
        compiled is None
        or compiled.problems
        or any(_BLANK in name for name in compiled.columns or ())
    ):
        return _compile(query, platforms)
    return compiled


def _form(query: str) -> str | None:
    """The query with every text left blank; none where texts are not told from the rest so easily."""
    if any(map(query.__contains__, _OTHER_QUOTES)):
        return None
    return _TEXT.sub(_BLANK_TEXT, query)


@lru_cache(maxsize=65_536)
def _compile(query: str, platforms: tuple[Platform, ...]) -> Compiled:
    found = tokens(query)
    refused = _refuse(found)
    if refused is not None:
        return Compiled((refused,), None, ())
    named = sorted(names(found) & tables().keys())
    text = with_bracketed_names(query, found)
    problems: dict[QueryProblem, None] = {}
    for platform in platforms:
        with _lock:
            message = _database(platform).error_of(text, named)
        if message is not None:
            problems[_translate(message, found, named, platform)] = None
    for name in named:
        table = tables()[name]
        if table.required and not constrained(found, name, table.required):
            needed = " or ".join(table.required)
            message = f"table {name!r} needs {needed} in the WHERE clause; without it it is empty"
            problems[QueryProblem("GW235", message)] = None
    columns = None
    if not problems and platforms:
        with _lock:
            columns = _database(platforms[0]).columns_of(text)
    events = tuple(name for name in named if tables()[name].event)
    return Compiled(tuple(problems), columns, events)


def _refuse(found: list[Token]) -> QueryProblem | None:
    first = found[0].value if found else ""
    if first not in {"select", "with"}:
        shown = found[0].value.upper() if found else "nothing"
        return QueryProblem("GW237", f"the query begins with {shown[:40]}; write one SELECT")
    if any(t.value == ";" and t.kind == "operator" for t in found[:-1]):
        return QueryProblem("GW237", "more than one statement; write one SELECT")
    if any(t.value in {"?", "@", "$", ":"} and t.kind == "operator" for t in found):
        return QueryProblem("GW237", "the query has a parameter; write the value itself")
    if expansion(found) > _MOST_COPIES:
        message = "common table expressions use each other too often; write the query flatter"
        return QueryProblem("GW230", message)
    return None


class _Database:
    """An empty in-memory database with one platform's tables, made as they are named."""

    def __init__(self, platform: Platform) -> None:
        self._letter = _LETTERS[platform]
        self._made: set[str] = set()
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=0
        )
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000)
        for name in _FUNCTIONS.split():
            self._connection.create_function(name, -1, _never_called)

    def error_of(self, query: str, named: Iterable[str]) -> str | None:
        """SQLite's message when the query does not compile."""
        for name in named:
            self._make(name)
        self._connection.set_authorizer(_authorize)
        try:
            self._connection.execute(f"EXPLAIN {query}").close()
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            return str(error)
        finally:
            self._authorize_all()
        return None

    def columns_of(self, query: str) -> frozenset[str] | None:
        """The names of the columns that a query which compiles returns."""
        try:
            # A view is stored, not run, and table_info resolves its columns without running it.
            self._connection.execute(f"CREATE TEMP VIEW result AS {query}")
            rows = self._connection.execute("PRAGMA temp.table_info(result)").fetchall()
        except (sqlite3.Error, sqlite3.Warning):
            return None
        finally:
            self._connection.execute("DROP VIEW IF EXISTS temp.result")
        return frozenset(row[1] for row in rows)

    def _make(self, name: str) -> None:
        table = tables()[name]
        if name in self._made or self._letter not in table.on:
            return
        columns = ", ".join(
            f'"{column}" {type_}'
            for column, type_ in table.columns.items()
            if table.has(column, self._letter)
        )
        self._connection.execute(f'CREATE TABLE "{name}" ({columns})')
        self._made.add(name)

    def _authorize_all(self) -> None:
        permit: Callable[..., int] | None = None
        self._connection.set_authorizer(permit)


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action not in _ALLOWED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_READ and first and _HIDDEN_TABLE.match(first):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _never_called(*_: Any) -> None:  # noqa: ANN401
    raise AssertionError("a query was run; queries are only compiled")


_lock = Lock()


@cache
def _database(platform: Platform) -> _Database:
    return _Database(platform)


def _translate(
    message: str, found: list[Token], named: list[str], platform: Platform
) -> QueryProblem:
    missing = _MISSING.match(message)
    if missing is None:
        if "prohibited" in message or "not authorized" in message:
            return QueryProblem("GW237", f"a query only reads osquery's tables: {message}")
        return QueryProblem("GW230", f"does not compile: {message}")
    what, whole = missing.group(1), missing.group(2)
    for token in found:
        if what == "column" and token.kind == "double" and token.value == whole.lower():
            message = f"\"{whole}\" is no column; write text in single quotes: '{whole}'"
            return QueryProblem("GW238", message)
    name = whole.rpartition(".")[2].lower()
    if what == "table":
        return _missing_table(name, platform)
    if what == "column":
        return _missing_column(name, named, platform)
    return QueryProblem("GW230", f"does not compile: osquery has no function {name!r}")


def _missing_table(name: str, platform: Platform) -> QueryProblem:
    letter = _LETTERS[platform]
    table = tables().get(name)
    if table is None:
        here = (other for other, entry in tables().items() if letter in entry.on)
        hint = did_you_mean(name, here) or "; see the list of tables in osquery's documentation"
        return QueryProblem("GW231", f"osquery has no table {name!r}{hint}")
    message = f"table {name!r} is not on {platform}, only on {_platforms(table.on)}; "
    return QueryProblem("GW233", message + "correct the platforms or split the check")


def _missing_column(name: str, named: list[str], platform: Platform) -> QueryProblem:
    for table in named:
        entry = tables()[table]
        if name in entry.columns:
            only = _platforms(entry.only.get(name, entry.on))
            message = f"column {name!r} of {table!r} is not on {platform}, only on {only}; "
            return QueryProblem("GW234", message + "correct the platforms or split the check")
    known = {column for table in named for column in tables()[table].columns}
    where = " nor ".join(repr(table) for table in named) or "the query"
    hint = did_you_mean(name, known) or "; see osquery's documentation for the columns"
    return QueryProblem("GW232", f"{where} has no column {name!r}{hint}")


def _platforms(letters: str) -> str:
    return ", ".join(name for name, letter in _LETTERS.items() if letter in letters)
