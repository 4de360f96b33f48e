"""What SlimRMM's agents make of a check (releases up to 2.3.14). Pure.

Where each rule comes from is in docs/reference/slimrmm.md. A check that they refuse is valid: other
agents, ours among them, may run it. So all of this warns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from controller.config.finding import Finding
from controller.config.osquery import compile_query
from controller.config.sql_tokens import names, tokens
from controller.model.documents import Check
from controller.model.terms import CheckType

_MAX_QUERY_BYTES: Final = 4096
_WORDS: Final = (
    "drop", "delete", "insert", "update", "create", "alter", "truncate", "exec", "attach", "detach",
    "load_extension",
)  # fmt: skip
_A_WORD: Final = re.compile(rf"\b({'|'.join(_WORDS)})\b", re.IGNORECASE)
_TABLES: Final = frozenset({"shadow", "curl", "curl_certificate", "carves", "yara", "augeas"})
_NAMES: Final = (*_WORDS, *sorted(_TABLES))


def refused(check: Check) -> bool:
    """Whether the agents answer this check with an error, whatever the machine is like."""
    return bool(_refusals(check.check_type, check.query))


def findings(check: Check) -> Iterator[Finding]:
    """Everything that the agents refuse or treat otherwise than the text suggests."""
    yield from _refusals(check.check_type, check.query)
    if check.check_type != "osquery":
        return
    if check.comparison_operator == "contains":
        message = "SlimRMM agents compare whole values, as with equals; write equals, or LIKE in the query"
        yield Finding("GW506", ("comparison_operator",), message)
    for table in compile_query(check.query, check.platforms).event_tables:
        message = f"table {table!r} is filled by osquery's daemon only; SlimRMM agents always find it empty"
        yield Finding("GW507", ("query",), message)


@lru_cache(maxsize=16_384)
def _refusals(check_type: CheckType, query: str) -> tuple[Finding, ...]:
    return tuple(_refuses(check_type, query))


def _refuses(check_type: CheckType, query: str) -> Iterator[Finding]:
    if check_type != "osquery":
        message = (
            f"current SlimRMM agents answer {check_type} checks with an error; read the same "
            "fact with an osquery query"
        )
        yield Finding("GW501", ("check_type",), message)
        return
    field = ("query",)
    if query[:7].lower() != "select ":
        message = "SlimRMM agents refuse a query that does not begin with 'SELECT ' and one space"
        yield Finding("GW502", field, f"{message}; begin it so")
    size = len(query.encode())
    if size > _MAX_QUERY_BYTES:
        message = f"SlimRMM agents refuse queries over {_MAX_QUERY_BYTES} bytes, this has {size}; shorten it"
        yield Finding("GW503", field, message)
    if not _names_any(query):
        return
    word = _A_WORD.search(query)
    if word:
        message = f"SlimRMM agents refuse the word {word.group()!r} anywhere in a query; write it otherwise"
        yield Finding("GW504", field, message)
    for table in sorted(_TABLES & names(tokens(query))):
        message = (
            f"SlimRMM agents refuse queries over table {table!r}; read the fact from another one"
        )
        yield Finding("GW505", field, message)


def _names_any(query: str) -> bool:
    """Whether a query may hold such a word or table: a tenth of what looking properly takes."""
    return not query.isascii() or any(map(query.lower().__contains__, _NAMES))
