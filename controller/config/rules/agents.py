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
_WORDS: Final = re.compile(
    r"\b(drop|delete|insert|update|create|alter|truncate|exec|attach|detach|load_extension)\b",
    re.IGNORECASE,
)
_TABLES: Final = frozenset({"shadow", "curl", "curl_certificate", "carves", "yara", "augeas"})
_A_TABLE: Final = re.compile("shadow|curl|carves|yara|augeas", re.IGNORECASE)
"""Only a query that holds one of these words at all is taken apart."""


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
    word = _WORDS.search(query)
    if word:
        message = f"SlimRMM agents refuse the word {word.group()!r} anywhere in a query; write it otherwise"
        yield Finding("GW504", field, message)
    for table in sorted(_TABLES & names(tokens(query))) if _A_TABLE.search(query) else ():
        message = (
            f"SlimRMM agents refuse queries over table {table!r}; read the fact from another one"
        )
        yield Finding("GW505", field, message)
