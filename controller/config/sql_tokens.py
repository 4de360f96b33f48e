"""What can be read off a query's tokens, before and beside compiling it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import prod
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<text>'(?:[^']|'')*')|(?P<double>"(?:[^"]|"")*")
    |(?P<name>\[[^\]]*\]|`(?:[^`]|``)*`|[A-Za-z_\u0080-\U0010ffff][\w$]*)|(?P<number>[0-9][\w.]*)
    |(?P<operator>==|<>|!=|<=|>=|<<|>>|\|\||[^\s])""",
    re.DOTALL | re.VERBOSE,
)
_COMPARISONS: Final = frozenset(
    {"=", "==", "<", ">", "<=", ">=", "like", "glob", "in", "is", "match", "regexp", "between"}
)
_CLAUSES: Final = """
    where on using join inner left right full outer cross natural group order limit having union
    except intersect as set window not indexed
"""
_NO_ALIAS: Final = frozenset(_CLAUSES.split())


class Token(NamedTuple):
    """One token; comments are left out."""

    kind: str
    """``text``, ``double`` (in double quotes), ``name``, ``number`` or ``operator``."""
    value: str
    """Names without their quotes and in lower case, as SQL compares them."""
    start: int
    end: int


def tokens(query: str) -> list[Token]:
    """The query's tokens in order. Any text has some."""
    found = []
    for match in _TOKEN.finditer(query):
        kind = match.lastgroup or "operator"
        if kind == "comment":
            continue
        text = match.group()
        if kind == "double" or (kind == "name" and text[0] in "[`"):
            text = text[1:-1].replace('""', '"') if kind == "double" else text[1:-1]
        found.append(Token(kind, text if kind == "text" else text.lower(), *match.span()))
    return found


def names(found: Iterable[Token]) -> set[str]:
    """Every name in the query, quoted or not, in lower case."""
    return {token.value for token in found if token.kind in {"name", "double"}}


def with_bracketed_names(query: str, found: Iterable[Token]) -> str:
    """The query with ``"name"`` written as ``[name]``, which SQLite never takes for a text."""
    parts, at = [], 0
    for token in found:
        if token.kind == "double":
            name = query[token.start + 1 : token.end - 1].replace('""', '"')
            quoted = "`" + name.replace("`", "``") + "`"
            parts += [query[at : token.start], quoted]
            at = token.end
    return "".join((*parts, query[at:]))


def expansion(found: Sequence[Token]) -> int:
    """An upper bound of how often SQLite copies common table expressions while compiling.

    Each use of one copies its body, so a short chain of doublings takes for ever to compile.
    """
    defined = {
        found[_name_before(found, at)].value
        for at, token in enumerate(found)
        if token.value == "as" and _opens(found, at + 1)
    }
    uses = dict.fromkeys(defined, -1)
    for token in found:
        if token.kind in {"name", "double"} and token.value in uses:
            uses[token.value] += 1
    return prod(max(1, count) for count in uses.values())


def constrained(found: Sequence[Token], table: str, columns: Iterable[str]) -> bool:
    """Whether one of the columns of the table is compared with something.

    Read off the tokens, so an unusual spelling counts as a constraint rather than as none.
    """
    wanted = frozenset(columns)
    own = _qualifiers(found, table)
    clause = next((at for at, t in enumerate(found) if t.value in {"where", "on"}), len(found))
    for at, token in enumerate(found):
        if token.value == "natural":
            return True
        if token.value not in wanted or token.kind not in {"name", "double"}:
            continue
        before = at - 1
        if before >= 1 and found[before].value == ".":
            if found[before - 1].value not in own:
                continue
            before -= 2
        following = _value(found, at + 1)
        preceding = _value(found, before)
        in_list = preceding in {"(", ","} and following in {",", ")"}
        if following in _COMPARISONS or preceding in {"=", "=="}:
            return True
        if in_list and (at > clause or "using" in (_value(found, before - 1), preceding)):
            return True
    return False


def _value(found: Sequence[Token], at: int) -> str:
    return found[at].value if 0 <= at < len(found) and found[at].kind != "text" else ""


def _opens(found: Sequence[Token], at: int) -> bool:
    while _value(found, at) in {"not", "materialized"}:
        at += 1
    return _value(found, at) == "("


def _name_before(found: Sequence[Token], at: int) -> int:
    """The position of the name that a column list and ``AS`` follow."""
    at -= 1
    if _value(found, at) == ")":
        while at > 0 and _value(found, at) != "(":
            at -= 1
        at -= 1
    return max(at, 0)


def _qualifiers(found: Sequence[Token], table: str) -> set[str]:
    own = {table}
    for at, token in enumerate(found):
        if token.value == table and token.kind in {"name", "double"}:
            following = at + 2 if _value(found, at + 1) == "as" else at + 1
            if following < len(found) and found[following].kind in {"name", "double"}:
                alias = found[following].value
                if alias not in _NO_ALIAS:
                    own.add(alias)
    return own
