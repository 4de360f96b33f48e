"""The SQL functions a check's query may call: SQLite's that only compute, and a few of osquery's.

From osquery: ``split``, ``regex_split``, ``regex_match``, ``inet_aton``, ``concat`` and ``concat_ws``
(which SQLite has itself by now). A regular expression may take for ever inside Python's engine, where
no deadline reaches it: queries are therefore run in a process that can be ended.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any, Final

import apsw

SAFE: Final = frozenset(
    [
        "abs",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atan2",
        "atanh",
        "avg",
        "ceil",
        "ceiling",
        "changes",
        "char",
        "coalesce",
        "concat",
        "concat_ws",
        "cos",
        "cosh",
        "count",
        "cume_dist",
        "current_date",
        "current_time",
        "current_timestamp",
        "date",
        "datetime",
        "degrees",
        "dense_rank",
        "exp",
        "first_value",
        "floor",
        "format",
        "glob",
        "group_concat",
        "hex",
        "if",
        "ifnull",
        "iif",
        "instr",
        "json",
        "json_array",
        "json_array_length",
        "json_each",
        "json_error_position",
        "json_extract",
        "json_group_array",
        "json_group_object",
        "json_object",
        "json_patch",
        "json_pretty",
        "json_quote",
        "json_remove",
        "json_replace",
        "json_set",
        "json_tree",
        "json_type",
        "json_valid",
        "julianday",
        "lag",
        "last_value",
        "lead",
        "length",
        "like",
        "likelihood",
        "likely",
        "ln",
        "log",
        "log10",
        "log2",
        "lower",
        "ltrim",
        "max",
        "min",
        "mod",
        "nth_value",
        "ntile",
        "nullif",
        "octet_length",
        "percent_rank",
        "pi",
        "pow",
        "power",
        "printf",
        "quote",
        "radians",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "sin",
        "sinh",
        "sqlite_version",
        "sqrt",
        "strftime",
        "string_agg",
        "substr",
        "substring",
        "subtype",
        "sum",
        "tan",
        "tanh",
        "time",
        "timediff",
        "total",
        "trim",
        "trunc",
        "typeof",
        "unhex",
        "unicode",
        "unistr",
        "unixepoch",
        "unlikely",
        "upper",
        "->",
        "->>",
        "match",
        "regexp",
        "inet_aton",
        "regex_match",
        "regex_split",
        "split",
    ]
)
"""No ``load_extension``, no tokenizers, nothing random and nothing that allocates on request."""


def register(connection: apsw.Connection) -> None:
    """Add osquery's own functions."""
    for name, function, arguments in _OWN:
        connection.create_scalar_function(name, function, arguments, deterministic=True)


def _split(text: str | None, characters: str | None, index: int | None) -> str | None:
    """The piece number ``index`` of a text cut at any of the characters, empty pieces left out."""
    if text is None or not characters or index is None:
        return None
    return _piece(re.split(f"[{re.escape(characters)}]", str(text)), index)


def _regex_split(text: str | None, pattern: str | None, index: int | None) -> str | None:
    if text is None or not pattern or index is None:
        return None
    return _piece(re.split(pattern, str(text)), index)


def _piece(pieces: list[str], index: int) -> str | None:
    filled = [piece for piece in pieces if piece]
    return filled[index] if 0 <= index < len(filled) else None


def _regex_match(text: str | None, pattern: str | None, group: int | None) -> str | None:
    """The group of the first match, none without a match."""
    if text is None or not pattern or group is None:
        return None
    found = re.search(pattern, str(text))
    return found.group(group) if found and 0 <= group <= found.re.groups else None


def _inet_aton(text: str | None) -> int | None:
    try:
        return int(ipaddress.IPv4Address(text or ""))
    except ValueError:
        return None


_OWN: Final[tuple[tuple[str, Callable[..., Any], int], ...]] = (
    ("split", _split, 3),
    ("regex_split", _regex_split, 3),
    ("regex_match", _regex_match, 3),
    ("inet_aton", _inet_aton, 1),
)
