"""A text that is as it should be, by libyaml's events: plain values, without a place for each.

This takes the same events as ``parse`` under the same rules, and gives up at the first thing that is
unusual in any way. So it may refuse what ``parse`` takes, but never takes what ``parse`` refuses or reads
otherwise; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from controller.config.files import Outline, Spot
from controller.config.scalars import NUMBER_START, TIME_FIELDS, WORDS, resolve
from controller.config.yaml_events import MAX_DEPTH, MAX_DOCUMENTS, Parser


class _UnusualError(Exception):
    """Something that only ``parse`` can judge."""


def outlines(text: str) -> tuple[Outline, ...] | None:
    """The documents of a text; none when anything about it is unusual."""
    parser = Parser(text)
    try:
        return tuple(_documents(parser.get_event))
    except (_UnusualError, yaml.YAMLError, ValueError, RecursionError, MemoryError):
        return None
    finally:
        parser.dispose()


def _documents(next_event: Callable[[], Any]) -> list[Outline]:
    found: list[Outline] = []
    next_event()  # the stream begins
    while (event := next_event()).__class__ is DocumentStartEvent:
        if event.version or event.tags or len(found) >= MAX_DOCUMENTS:
            raise _UnusualError
        found.append(_document(next_event))
        next_event()  # the document ends
    if event.__class__ is not StreamEndEvent:
        raise _UnusualError
    return found


def _document(next_event: Callable[[], Any]) -> Outline:  # noqa: C901, PLR0912 - one loop, for its speed
    root = _undecorated(next_event())
    if root.__class__ is not MappingStartEvent:
        raise _UnusualError
    into: Any = {}
    key: str | None = None
    around: list[Any] = []
    entries: list[Spot] = []
    while True:
        event = next_event()
        kind = event.__class__
        if kind is ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                raise _UnusualError
            value = event.value
            if event.implicit[0] and (value in WORDS or value[0] in NUMBER_START):
                value = resolve(value, time_field=key in TIME_FIELDS)
            if into.__class__ is list:
                into.append(value)
            elif key is not None:
                into[key] = value
                key = None
            elif value.__class__ is not str or value in into or value == "<<":
                raise _UnusualError
            else:
                key = value
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.anchor is not None or event.tag is not None:
                raise _UnusualError
            new: Any = {} if kind is MappingStartEvent else []
            if into.__class__ is list:
                if len(around) == 1 and kind is MappingStartEvent:
                    entries.append(_spot(event))
                into.append(new)
            elif key is not None:
                into[key] = new
            else:
                raise _UnusualError
            if len(around) + 2 > MAX_DEPTH:
                raise _UnusualError
            around.append(into)
            into, key = new, None
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            if kind is MappingEndEvent:
                _differ_in_more_than_case(into)
            if not around:
                return Outline(into, _spot(root), tuple(entries))
            into = around.pop()
        else:
            raise _UnusualError  # an alias


def _undecorated(event: Any) -> Any:  # noqa: ANN401 - two implementations, no common stubs
    if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
        raise _UnusualError
    return event


def _spot(event: Any) -> Spot:  # noqa: ANN401
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _differ_in_more_than_case(mapping: dict[str, object]) -> None:
    keys = "".join(mapping)
    if not keys.isascii():
        raise _UnusualError
    lower = keys.lower()
    if keys != lower and len({key.lower() for key in mapping}) != len(mapping):
        raise _UnusualError
