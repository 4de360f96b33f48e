"""The shortest way to read a file: line by line, where all lines are of the plainest forms.

Nearly every line of nearly every file is ``key: value``, ``- value``, a key that opens what is indented
below it, or part of a block of text. These forms and no others are known to one regular expression. It
must know every line, and every line must stand where a block of YAML can go on; at anything else this
gives up, and the text is read by libyaml's events (``outline``). So it may refuse what they take, but
never takes what they refuse or reads otherwise: ``tests/config/test_lines.py``.

What a line says by itself is kept for a while: of ten lines of a repository more than half stand in many
files, such as ``severity: high``.

How it stays clear of the rest of YAML: there is no tab and no carriage return; nothing begins with a sign
that means an anchor, a tag, an alias, a directive or a marker; keys are in lower case, so that none differ
by case alone; what is quoted has no escape but that of a quote; and no value goes on in another line, but
for a block whose lines are all indented alike. What a line holds is told by its first character, so that
no line is tried in many ways: the time that a text takes grows with its length alone.
"""

from __future__ import annotations

import re
from typing import Any, Final

from controller.config.files import Outline, Spot
from controller.config.scalars import NUMBER_START, TIME_FIELDS, WORDS, resolve

_KEY: Final = "[a-z][a-z0-9_-]{0,63}+"
_SIMPLE: Final = r"[\w/.(][^:#]*+(?<! )\Z"
_PLAIN: Final = r"[\w/.(][^:#]*(?:(?::(?=[^ ])|(?<! )#)[^:#]*)*(?<! )"
_QUOTED: Final = r'"[^"\\]*(?:\\"[^"\\]*)*"'
_ITEM: Final = rf"(?:[A-Za-z0-9][A-Za-z0-9_.()/*@-]*|{_QUOTED})"
_LIST: Final = rf"\[(?:{_ITEM}(?:, {_ITEM})*)?\]"
_ENTRY: Final = rf"{_KEY}: (?:{_ITEM}|{_LIST})"
_MAP: Final = rf"\{{{_ENTRY}(?:, {_ENTRY})*\}}"
_VALUE: Final = rf"{_SIMPLE}|{_PLAIN}|{_QUOTED}|'[^']*'|{_LIST}|{_MAP}"
_line = re.compile(
    rf"( *+)(?:(- )?+(?:({_KEY}):(?: ++|\Z))?+(?:({_VALUE})(?: +#.*)?|([|>]-?))?|#.*)"
).fullmatch
"""Of a line its indentation, dash, key, and value or sign of a block; what is frequent is tried first."""
_items = re.compile(_ITEM).findall
_pairs = re.compile(f"({_KEY}): ({_ITEM}|{_LIST})").findall
_lines_above = re.compile(r"(?: *(?:#.*)?\n)*").match
_MORE_THAN_A_WORD: Final = NUMBER_START | frozenset("\"'[{")
_MOST_OPEN: Final = 16

_NOTHING, _PAIR, _OTHER, _BLOCK = range(4)
_Line = tuple[int, bool, str, int, Any]
"""Indentation, whether there is a dash, key, which of these four its value is, and the value.

A pair has a key, a value that ends with the line, and no dash.
"""
_known: dict[str, _Line] = {}
"""What was said by lines that were seen last."""
_MOST_KNOWN: Final = 4_096
_LONGEST_KNOWN: Final = 160


class _OtherError(ValueError):
    """Something is not of these forms."""


def outline_of_lines(text: str) -> Outline | None:
    """The one document of a text; none when anything in it is of another form.

    Args:
        text: As ``decode`` lets it through.
    """
    if "\t" in text or "\r" in text or not text.endswith("\n"):
        return None
    try:
        return _outline(text)
    except ValueError:  # also of a number or a time that nobody takes
        return None


def _outline(text: str) -> Outline:  # noqa: C901, PLR0912 - one loop, for its speed
    root: dict[str, Any] = {}
    into: Any = root
    new: Any
    column, opened, read = 0, "", 0
    around: list[tuple[Any, int]] = []
    entries: list[Spot] = []
    lines, known = text[:-1].split("\n"), _known.get
    for number, line in enumerate(lines, 1):
        if number <= read:
            continue  # of a block, which was read with the line above it
        at, dash, key, form, value = known(line) or _said(line)
        if form == _PAIR and at == column and not opened and into.__class__ is dict:
            if key in into:
                raise _OtherError
            into[key] = value
            continue  # most lines
        if not key and not (dash and form):
            if dash or form or (at > column and not opened):
                raise _OtherError
            continue  # a comment or nothing, and not as far in as the lines of a block above it
        if opened:
            if at < column or (at == column and not dash) or len(around) > _MOST_OPEN:
                raise _OtherError
            around.append((into, column))
            into[opened] = new = [] if dash else {}
            into, column, opened = new, at, ""
        elif at != column or (into.__class__ is dict) is dash:
            while at < column or (not dash and into.__class__ is list):
                into, column = around.pop()
            if at != column or (into.__class__ is dict) is dash:
                raise _OtherError
        if dash and key:
            if len(around) == 1:
                entries.append((number, at + 3))
            around.append((into, column))
            into.append(new := {})
            into, column = new, at + 2
        if form == _BLOCK:
            value, read = _block(value, lines, number, column)
        if not key:
            into.append(value)
        elif key in into:
            raise _OtherError
        elif form:
            into[key] = value
        else:
            opened = key
    if opened or not root:
        raise _OtherError
    above = _lines_above(text)
    return Outline(root, (above[0].count("\n") + 1 if above else 1, 1), tuple(entries))


def _said(line: str) -> _Line:
    """What a line says by itself."""
    match = _line(line)
    if match is None:
        raise _OtherError
    indent, dash, key, value, block = match.groups("")
    if key and key in WORDS:
        raise _OtherError
    found: _Line = len(indent), dash != "", key, _NOTHING, None
    if block:
        found = (*found[:3], _BLOCK, block)
    elif value:
        form = _PAIR if key and not dash else _OTHER
        found = (*found[:3], form, _value(value, key))
    if len(line) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[line] = found
    return found


def _value(text: str, key: str) -> object:
    if text[0] not in _MORE_THAN_A_WORD and text not in WORDS:
        return text
    if text[0] == '"':
        return text[1:-1].replace('\\"', '"')
    if text[0] == "'":
        return text[1:-1]
    if text[0] == "[":
        return [_value(each, "") for each in _items(text)]
    if text[0] == "{":
        return _map(text, key)
    return resolve(text, time_field=key in TIME_FIELDS)


def _map(text: str, key: str) -> object:
    if not key:
        raise _OtherError  # an entry of a list, whose place is to be known
    pairs = _pairs(text)
    found = {name: _value(each, name) for name, each in pairs}
    if len(found) != len(pairs) or not found.keys().isdisjoint(WORDS):
        raise _OtherError
    return found


def _block(sign: str, lines: list[str], start: int, column: int) -> tuple[str, int]:
    """The text of lines that stand further in than what they belong to, and where it ends."""
    first = lines[start] if start < len(lines) else ""
    pad = first[: len(first) - len(first.lstrip(" "))]
    if len(pad) <= column:
        raise _OtherError
    found = []
    for at in range(start, len(lines)):
        line = lines[at]
        if not line.startswith(pad) or line[len(pad) : len(pad) + 1] in {"", " "}:
            break
        found.append(line[len(pad) :])
    if not found:
        raise _OtherError
    joined = (" " if sign[0] == ">" else "\n").join(found)
    return joined if sign[1:] else joined + "\n", start + len(found)
