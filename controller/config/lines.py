"""The shortest way to read a file: line by line, where all lines are of the plainest forms.

Nearly every line of nearly every file is ``key: value``, ``- value``, a key that opens what is indented
below it, or part of a block of text. These forms and no others are known to one regular expression. It
must account for every line, and every line must stand where a block of YAML can go on; at anything else
this gives up, and the text is read by libyaml's events (``outline``). So it may refuse what they take,
but never takes what they refuse or reads otherwise: ``tests/config/test_lines.py``.

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
_PLAIN: Final = r"[\w/.(][^:#\n]*(?:(?::(?=[^ \n])|(?<! )#)[^:#\n]*)*(?<! )"
_QUOTED: Final = r'"[^"\\\n]*(?:\\"[^"\\\n]*)*"'
_ITEM: Final = rf"(?:[A-Za-z0-9][A-Za-z0-9_.()/*@-]*|{_QUOTED})"
_LIST: Final = rf"\[(?:{_ITEM}(?:, {_ITEM})*)?\]"
_PAIR: Final = rf"{_KEY}: (?:{_ITEM}|{_LIST})"
_MAP: Final = rf"\{{{_PAIR}(?:, {_PAIR})*\}}"
_BLOCK: Final = r"[|>]-?\n(\1 ++)[^ \n].*+(?:\n\5[^ \n].*+)*+"
_VALUE: Final = rf"{_PLAIN}|{_QUOTED}|'[^'\n]*'|{_LIST}|{_MAP}|{_BLOCK}"
_lines = re.compile(
    rf"^( *+)(?:#.*|(- )?(?:({_KEY}):(?: +|(?=\n)))?(?:({_VALUE})(?: +#.*)?)?)\n", re.MULTILINE
).findall
"""Of each line its indentation, dash, key and value; of a block also the indentation of its lines."""
_items = re.compile(_ITEM).findall
_pairs = re.compile(f"({_KEY}): ({_ITEM}|{_LIST})").findall
_lines_above = re.compile(r"(?: *(?:#.*)?\n)*").match
_MORE_THAN_A_WORD: Final = NUMBER_START | frozenset("\"'[{|>")
_MOST_OPEN: Final = 16


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
    column, opened, number = 0, "", 0
    around: list[tuple[Any, int]] = []
    entries: list[Spot] = []
    for indent, dash, key, value, pad in _lines(text):
        number += 1
        at = len(indent)
        if not key and not (dash and value):
            if dash or value or (at > column and not opened):
                raise _OtherError
            continue  # a comment or nothing, and not as far in as the lines of a block above it
        if opened:
            if at < column or (at == column and not dash) or len(around) > _MOST_OPEN:
                raise _OtherError
            around.append((into, column))
            into[opened] = new = [] if dash else {}
            into, column, opened = new, at, ""
        elif at != column or (into.__class__ is dict) is (dash != ""):
            while at < column or (not dash and into.__class__ is list):
                into, column = around.pop()
            if at != column or (into.__class__ is dict) is (dash != ""):
                raise _OtherError
        if dash and key:
            if len(around) == 1:
                entries.append((number, at + 3))
            around.append((into, column))
            into.append(new := {})
            into, column = new, at + 2
        said: object = value
        if value and (value[0] in _MORE_THAN_A_WORD or value in WORDS):
            said = _said(value, key, pad, column)
            number += value.count("\n")
        if not key:
            into.append(said)
        elif key in into or key in WORDS:
            raise _OtherError
        elif value:
            into[key] = said
        else:
            opened = key
    if opened or not root or number != text.count("\n"):
        raise _OtherError
    above = _lines_above(text)
    return Outline(root, (above[0].count("\n") + 1 if above else 1, 1), tuple(entries))


def _said(value: str, key: str, pad: str, column: int) -> object:
    if pad:
        return _block(value, pad, column)
    if value[0] == "[":
        return [_item(each, "") for each in _items(value)]
    if value[0] != "{":
        return _item(value, key)
    if not key:
        raise _OtherError  # an entry of a list, whose place is to be known
    pairs = _pairs(value)
    found = {name: _said(each, name, "", 0) for name, each in pairs}
    if len(found) != len(pairs) or not found.keys().isdisjoint(WORDS):
        raise _OtherError
    return found


def _item(text: str, key: str) -> object:
    if text[0] == '"':
        return text[1:-1].replace('\\"', '"')
    if text[0] == "'":
        return text[1:-1]
    return resolve(text, time_field=key in TIME_FIELDS)


def _block(text: str, pad: str, column: int) -> str:
    """The text of lines that stand further in than what they belong to."""
    if len(pad) <= column:
        raise _OtherError
    head, *lines = text.split("\n" + pad)
    return (" " if head[0] == ">" else "\n").join(lines) + ("" if head[1:] else "\n")
