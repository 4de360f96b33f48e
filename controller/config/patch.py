"""Edits of a YAML file by position, which keep comments, order and quoting. Pure.

What comes out is read again with the same reader and returned only when it says exactly what was
wanted, and every other document of the file what it said before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from typing import Final

from controller.config.nodes import Node, Path
from controller.config.parse import Reading, read
from controller.config.scalars import TIME_FIELDS, RefusedScalarError, resolve

_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _./@+-]*[A-Za-z0-9_./@+-])?")
_WORDS_OF_YAML_1_1: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def patch(
    source_text: str, path: str, document: int | str, changes: Mapping[str, object | None]
) -> str | None:
    """The unified diff that sets top-level fields of one document.

    Args:
        source_text: The file as it is.
        path: The file's name in the diff.
        document: The position of the document in the file, or its id; in a catalog the id of a
            check means that check.
        changes: Field to its new value as in JSON (datetimes are taken too); null takes it out.

    Returns:
        None where it cannot be done exactly: the document is not there, or a comment would be lost.
    """
    reading = read(path, source_text.encode())
    target = _find(reading, document)
    if target is None or reading.problems or not isinstance(target.node.value, dict):
        return None
    wanted = {k: v for k, v in target.node.value.items() if k not in changes}
    wanted |= {k: _plain_value(v) for k, v in changes.items() if v is not None}
    edited = _edit(source_text, target, changes)
    if edited is None or not _says(edited, path, reading, target, wanted):
        return None
    return _diff(path, source_text, edited)


def addition(path: str, text: str) -> str:
    """The unified diff that adds a file with that text, which may not be empty."""
    return _diff(path, None, text)


def removal(source_text: str, path: str, document: int | str) -> str | None:
    """The unified diff that removes one document or check, and the file when it was the last.

    None where it cannot be done exactly, as for ``patch``.
    """
    reading = read(path, source_text.encode())
    target = _find(reading, document)
    if target is None or reading.problems:
        return None
    if target.siblings == 1 and len(reading.documents) == 1:
        return _diff(path, source_text, None)
    if target.siblings == 1:
        target = _Target(reading.documents[target.index], target.index, (), 1)
    edited = _without(source_text, reading, target)
    if edited is None or not _says(edited, path, reading, target, None):
        return None
    return _diff(path, source_text, edited)


@dataclass(frozen=True, slots=True)
class _Target:
    """A document of a file, or a check of a catalog."""

    node: Node
    index: int
    """Of the document in its file."""
    steps: Path
    """From the document to the node."""
    siblings: int
    """How many entries the list that it stands in has; 1 for a document."""


def _find(reading: Reading, document: int | str) -> _Target | None:
    if isinstance(document, int):
        if 0 <= document < len(reading.documents):
            return _Target(reading.documents[document], document, (), 1)
        return None
    for index, node in enumerate(reading.documents):
        found = node.child("id")
        if found is not None and found.value == document:
            return _Target(node, index, (), 1)
        checks = node.child("checks")
        entries = checks.children if checks is not None else None
        for at, item in enumerate(entries if isinstance(entries, list) else ()):
            name = item.child("id")
            if name is not None and name.value == document:
                return _Target(item, index, ("checks", at), len(entries or ()))
    alone = [node for node in reading.documents if node.value is not None]
    if len(alone) == 1 and alone[0].child("id") is None and alone[0].child("checks") is None:
        return _Target(alone[0], reading.documents.index(alone[0]), (), 1)
    return None


def _edit(text: str, target: _Target, changes: Mapping[str, object | None]) -> str | None:
    """The text with the changes made, from the end to the start so that offsets hold."""
    node = target.node
    edits: list[tuple[int, int, str]] = []
    added: list[str] = []
    newline = "\r\n" if "\r\n" in text else "\n"
    for name, value in changes.items():
        old = node.child(name)
        if old is None:
            if value is not None:
                added.append(f"{name}: {_render(value, name)}")
            continue
        edit = _removed(text, node, old) if value is None else _replaced(text, old, name, value)
        if edit is None:
            return None
        edits.append(edit)
    if added:
        if node.flow:
            return None
        at = _line_end(text, _real_end(text, node))
        lines = "".join(f"{newline}{' ' * (node.column - 1)}{line}" for line in added)
        edits.append((at, at, lines))
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _replaced(text: str, old: Node, name: str, value: object) -> tuple[int, int, str] | None:
    end = _real_end(text, old)
    before = text[old.start : end]
    if "\n" not in before:
        quoted = before[:1] in {'"', "'"}
        return old.start, end, _render(value, name, quoted=quoted)
    if "#" in before or old.key is None:
        return None  # a comment may stand in there
    return old.key[2], end, f"{name}: {_render(value, name)}"


def _removed(text: str, node: Node, old: Node) -> tuple[int, int, str] | None:
    if node.flow or old.key is None:
        return None
    start = text.rfind("\n", 0, old.key[2]) + 1
    end = _line_end(text, _real_end(text, old))
    gone = text[start:end]
    if gone[: old.key[2] - start].strip() or "#" in gone:
        return None
    return start, min(end + 1, len(text)) if text[end : end + 1] == "\n" else end + 2, ""


def _real_end(text: str, node: Node) -> int:
    """Where the value's last visible character ends."""
    return node.start + len(text[node.start : node.end].rstrip())


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    end = len(text) if found < 0 else found
    return end - 1 if text[end - 1 : end] == "\r" else end


def _without(text: str, reading: Reading, target: _Target) -> str | None:
    node = target.node
    if not target.steps:
        starts = [d.start for d in reading.documents]
        following = starts[target.index + 1] if target.index + 1 < len(starts) else None
        begin = _separator(text, node.start)
        if following is not None:
            begin = begin if target.index else 0
            return text[:begin] + text[_separator(text, following) :]
        return text[:begin]
    start = text.rfind("\n", 0, node.start) + 1
    if text[start : node.start].strip() != "-":
        return None
    end = text.find("\n", _real_end(text, node))
    return text[:start] + ("" if end < 0 else text[end + 1 :])


def _separator(text: str, start: int) -> int:
    """Where the line ``---`` before a document begins, or the text itself."""
    found = [match.start() for match in re.finditer(r"^---", text[:start], re.MULTILINE)]
    return found[-1] if found else 0


def _says(
    edited: str,
    path: str,
    before: Reading,
    target: _Target,
    wanted: Mapping[str, object] | None,
) -> bool:
    """Whether the edited text means what was wanted, and nothing else has changed."""
    after = read(path, edited.encode())
    expected: list[object] = [document.value for document in before.documents]
    if not target.steps:
        expected[target.index : target.index + 1] = [] if wanted is None else [wanted]
    else:
        catalog = before.documents[target.index].value
        at = target.steps[-1]
        if not isinstance(catalog, dict) or not isinstance(at, int):
            return False
        checks = list(catalog["checks"])
        checks[at : at + 1] = [] if wanted is None else [wanted]
        expected[target.index] = catalog | {"checks": checks}
    return not after.problems and _same([d.value for d in after.documents], expected)


def _same(one: object, other: object) -> bool:
    """Equality that tells ``true`` from 1 and 80 from 80.0 apart in no harmful way."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _plain_value(value: object) -> object:
    """A value as YAML gives it back."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): _plain_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(entry) for entry in value]
    return value


def _render(value: object, name: str = "", *, quoted: bool = False) -> str:
    value = _plain_value(value)
    match value:
        case dict():
            pairs = (f"{_render(key)}: {_render(entry)}" for key, entry in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(map(_render, value)) + "]"
        case str():
            return value if not quoted and _is_safe(value, name) else _quote(value)
        case _:
            return json.dumps(value)


def _is_safe(value: str, name: str) -> bool:
    """Whether the text can stand without quotes for any reader."""
    if name in TIME_FIELDS:
        try:
            return bool(value) and value[0].isdigit() and resolve(value, time_field=True) == value
        except RefusedScalarError:
            return False
    return bool(_PLAIN.fullmatch(value)) and value.lower() not in _WORDS_OF_YAML_1_1


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _diff(path: str, before: str | None, after: str | None) -> str:
    lines = unified_diff(
        _lines(before or ""),
        _lines(after or ""),
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)
