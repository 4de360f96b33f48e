"""Field differences as the audit trail keeps them: as short texts, bounded whatever git says. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from controller.model.plan import FieldChange

MOST_FIELDS: Final = 20
"""Of one object."""
LONGEST: Final = 300
"""Characters of one value; what is cut ends in an ellipsis."""
ROOM: Final = 256 * 1024
"""Characters of all values of one revision."""


def kept(changes: Iterable[Sequence[FieldChange]]) -> Iterator[dict[str, Any]]:
    """What to keep of each object's changes, in order; empty for an object without any.

    Lists say what came and what went. ``fields_left_out`` counts what there was no room for.
    """
    room = ROOM
    for fields in changes:
        if not fields:
            yield {}
            continue
        entries: list[dict[str, Any]] = []
        for change in fields[:MOST_FIELDS]:
            entry = _entry(change)
            size = sum(len(str(value)) for value in entry.values())
            if size > room:
                break
            room -= size
            entries.append(entry)
        left_out = len(fields) - len(entries)
        found: dict[str, Any] = {"fields": entries} if entries else {}
        yield {**found, "fields_left_out": left_out} if left_out else found


def _entry(change: FieldChange) -> dict[str, Any]:
    before, after = change.before, change.after
    field = _cut(change.field)
    if isinstance(before, list) and isinstance(after, list):
        gone = [each for each in before if each not in after]
        come = [each for each in after if each not in before]
        if gone or come:
            return {"field": field, "removed": _listed(gone), "added": _listed(come)}
    return {"field": field, "from": _text(before), "to": _text(after)}


def _listed(values: list[Any]) -> str:
    return _cut(", ".join(str(_text(each)) for each in values))


def _text(value: object) -> str | None:
    """A value in one line; none where there is none."""
    if value is None or isinstance(value, str):
        return value if value is None else _cut(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return _cut(", ".join(value))
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
