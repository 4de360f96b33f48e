"""JSON bodies, read strictly. Pure.

The standard reader lets through what no client means: duplicate keys (the last wins), ``NaN``, numbers
too large for any column, lone surrogates that no database can store. Each is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from controller.errors import MalformedError, RejectedError

MAX_DEPTH: Final = 16
MAX_INTEGER: Final = 2**63 - 1
_MAX_DIGITS: Final = 19
_INFINITE: Final = float("inf")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_INNERMOST: Final = re.compile(rb"(?:\[\]|\{\})+")


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Read a JSON document.

    Raises:
        MalformedError: Not UTF-8, not JSON, a duplicate key, NaN or infinity, or nested too deeply.
        RejectedError: A number or a text that cannot be stored.
    """
    value = _quick(body)
    return _slow(body) if value is _UNSURE else value


_UNSURE: Final = object()
BLANKS: Final = b" \t\n\r"


def _quick(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The document by a compiled reader, or ``_UNSURE`` when only the slow one can tell.

    A value that is written back as the very bytes it came from, blanks aside, has lost nothing on the
    way: no key stood twice, no number was bent. Without a backslash no text hides half a character.
    """
    if b"\\" in body:
        return _UNSURE
    try:
        value = msgspec.json.decode(body)
        again = msgspec.json.encode(value)
    except (ValueError, RecursionError):
        return _UNSURE
    if again != body and again.translate(None, BLANKS) != body.translate(None, BLANKS):
        return _UNSURE
    return value if _small(value, 1) else _UNSURE


def _small(value: Any, depth: int) -> bool:  # noqa: ANN401 - any JSON value
    """Whether no number and no nesting is beyond the bounds; texts without escapes need no look."""
    if isinstance(value, dict):
        members = list(value.values())
    elif isinstance(value, list):
        members = value
    else:
        whole = isinstance(value, int)
        return not whole or -MAX_INTEGER - 1 <= value <= MAX_INTEGER
    # Texts are told apart first, without a call each: they are nearly everything.
    return depth <= MAX_DEPTH and all(
        type(each) is str or _small(each, depth + 1) for each in members
    )


def _slow(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """As ``parse``, and able to say what is wrong."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError as exc:
        raise MalformedError(f"the body is not UTF-8 (byte {exc.start}); send UTF-8") from exc
    except json.JSONDecodeError as exc:
        raise MalformedError(f"the body is not JSON: {exc.msg} at character {exc.pos}") from exc
    except RecursionError:
        raise MalformedError(_TOO_DEEP) from None
    _hold_depth(body)
    # Only an escape can name what cannot be stored: the bytes themselves are UTF-8, and JSON has no
    # raw control characters.
    if b"\\u" in body:
        for field, found in _texts(value):
            if found is not None:
                raise RejectedError(f"{field}: {found}", ((field, found),))
    return value


_TOO_DEEP: Final = f"the body is nested more than {MAX_DEPTH} levels deep; flatten it"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedError(f"the key {twice[:100]!r} stands twice in one object; keep one")
    return members


def _constant(word: str) -> float:
    raise MalformedError(f"{word} is not JSON; send a finite number or null")


def _float(digits: str) -> float:
    value = float(digits)
    if abs(value) == _INFINITE:
        raise MalformedError(f"the number {digits[:40]} is too large; send a finite number")
    return value


def _integer(digits: str) -> int:
    # The length first: turning 4,000 digits into a number is itself work.
    if len(digits) > _MAX_DIGITS + 1 or not -MAX_INTEGER - 1 <= int(digits) <= MAX_INTEGER:
        message = f"the number {digits[:24]}... does not fit in 64 bits"
        raise RejectedError(message, (("", message),))
    return int(digits)


def _texts(value: object) -> Iterator[tuple[str, str | None]]:
    """Every text with its field and what is wrong with it."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        field, item = waiting.pop()
        if isinstance(item, dict):
            for key, member in item.items():
                yield "", unstorable(key)
                waiting.append((f"{field}.{key}" if field else key, member))
        elif isinstance(item, list):
            waiting += [(f"{field}[{i}]", member) for i, member in enumerate(item)]
        elif isinstance(item, str):
            yield field, unstorable(item)


def _hold_depth(body: bytes) -> None:
    """Peel the brackets of a valid document, innermost first; each turn takes one level off."""
    outside = _STRING.sub(b"", body) if b"\\" in body else b"".join(body.split(b'"')[::2])
    brackets = outside.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = _INNERMOST.sub(b"", brackets)
    if brackets:
        raise MalformedError(_TOO_DEEP)


def unstorable(text: str) -> str | None:
    """Why a text cannot be stored; none when it can."""
    if "\x00" in text:
        return "must not contain the character NUL"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "must not contain half of a surrogate pair"
    return None
