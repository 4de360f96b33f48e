"""The strict YAML reader, with the place of everything.

It consumes libyaml's events one by one, without recursion, and stops at the depth limit, so nested
input never reaches the part of libyaml or of PyYAML that crashes on it. Whatever is wrong becomes a
``Problem``; nothing is raised.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from controller.config.nodes import Node, Path, dotted
from controller.config.scalars import TIME_FIELDS, RefusedScalarError, resolve
from controller.config.text_guard import decode, place_of
from controller.config.yaml_events import MAX_DEPTH, MAX_DOCUMENTS, Parser
from controller.model.problem import Problem

MAX_PROBLEMS: Final = 100
_HINTS: Final = {
    "mapping values are not allowed": "quote a text that contains ': ', and check the indentation",
    "cannot start any token": "indent with spaces, not tabs, and quote texts with special characters",
    "could not find expected ':'": "check the indentation and that every line is 'key: value'",
    "did not find expected key": "check the indentation and the quotes",
    "block collection": "check the indentation and the quotes",
    "block mapping": "check the indentation and the quotes",
    "quoted scalar": "close the quotes",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The documents of one file, and every problem found while reading it."""

    text: str
    documents: tuple[Node, ...]
    problems: tuple[Problem, ...]


def read(path: str, content: bytes) -> Reading:
    """Read a file. Never raises; a file that breaks off keeps the documents before the break."""
    text, problems = decode(path, content)
    if text is None:
        return Reading(content.decode("utf-8", "replace"), (), tuple(problems))
    composer = _Composer(path, text)
    try:
        for event in _events(text):
            composer.feed(event)
    except _StopReadingError:
        composer.drop_unfinished()
    except yaml.YAMLError as error:
        composer.drop_unfinished()
        composer.problems.append(_syntax_problem(path, text, error))
    except (ValueError, RecursionError, MemoryError) as error:
        composer.drop_unfinished()
        message = f"the YAML parser gave up: {type(error).__name__}; simplify the file"
        composer.problems.append(Problem(path, 0, 0, "GW105", "", message))
    return Reading(text, tuple(composer.documents), tuple(composer.problems))


def _events(text: str) -> Iterator[Any]:
    parser = Parser(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _syntax_problem(path: str, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    whole = f"{getattr(error, 'context', '')} {what}"
    hint = next((hint for part, hint in _HINTS.items() if part in whole), "check the text there")
    message = f"not valid YAML: {what}; {hint}"
    if mark is not None:
        line, column = mark.line + 1, mark.column + 1
    else:
        line, column = place_of(text, getattr(error, "position", 0) or 0)
    return Problem(path, line, column, "GW105", "", message)


class _StopReadingError(Exception):
    """Raised to give up on a file after its problem has been recorded."""


class _Frame:
    """An open mapping or sequence."""

    __slots__ = ("folded", "key", "name", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: tuple[str, int, int, int] | None = None
        """The key read last, while its value is still to come."""
        self.name = ""
        """The name of the value being read."""
        self.folded: dict[str, tuple[str, int]] = {}
        """Folded spelling of each key to its spelling and line."""


class _Composer:
    """Builds nodes from events with an explicit stack."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.problems: list[Problem] = []
        self.documents: list[Node] = []
        self.stack: list[_Frame] = []
        self.end = 0

    def feed(self, event: Any) -> None:  # noqa: ANN401 - two implementations, no common stubs
        """Take the next event."""
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, CollectionStartEvent):
            self._open(event)
        elif isinstance(event, CollectionEndEvent):
            self._close(event)
        elif isinstance(event, AliasEvent):
            message = f"alias *{event.anchor} is not allowed; write the value out"
            self._refuse(event, "GW108", message)
            self._place(self._node(event, None, broken=True))
        elif isinstance(event, DocumentStartEvent):
            self._start_document(event)

    def drop_unfinished(self) -> None:
        """Forget the document that the reader was in."""
        if self.stack and self.documents:
            self.documents.pop()

    def _start_document(self, event: Any) -> None:  # noqa: ANN401
        self.stack.clear()
        if event.version or event.tags:
            self._refuse(event, "GW117", "directives are not allowed; remove the line with '%'")
        if len(self.documents) >= MAX_DOCUMENTS:
            self._refuse(event, "GW104", f"more than {MAX_DOCUMENTS} documents; split the file")
            raise _StopReadingError

    def _scalar(self, event: Any) -> None:  # noqa: ANN401
        frame = self.stack[-1] if self.stack else None
        is_key = frame is not None and frame.node.children.__class__ is dict and frame.key is None
        broken = self._decorated(event)
        value: object = event.value
        raw = None
        if event.implicit[0]:
            time_field = frame is not None and frame.key is not None and frame.key[0] in TIME_FIELDS
            try:
                value = resolve(event.value, time_field=time_field)
            except RefusedScalarError as error:
                self._refuse(event, error.code, str(error), inside=not is_key)
                broken = True
            if not isinstance(value, str):
                raw = event.value
        self.end = event.end_mark.index
        if is_key:
            self._key(event, value)
            return
        node = self._node(event, value, broken=broken)
        node.raw = raw
        self._place(node)

    def _key(self, event: Any, value: object) -> None:  # noqa: ANN401
        frame = self.stack[-1]
        name: str = event.value
        line = event.start_mark.line + 1
        if name == "<<" and event.implicit[0]:
            self._refuse(event, "GW109", "merge keys are not allowed; write the fields out")
        elif not isinstance(value, str):
            shown = event.value or "(empty)"
            self._refuse(event, "GW115", f'the key {shown} is not text; quote it: "{event.value}"')
        folded = name.lower() if name.isascii() else _fold(name)
        if folded in frame.folded:
            other, other_line = frame.folded[folded]
            if other == name:
                message = f"{name!r} is here twice, first on line {other_line}; keep one"
                self._refuse(event, "GW111", message)
            else:
                message = (
                    f"{name!r} differs from {other!r} on line {other_line} only by letter case or "
                    "Unicode form; keep one"
                )
                self._refuse(event, "GW112", message)
        else:
            frame.folded[folded] = (name, line)
        frame.name = name
        frame.key = (name, line, event.start_mark.column + 1, event.start_mark.index)

    def _open(self, event: Any) -> None:  # noqa: ANN401
        broken = self._decorated(event)
        if len(self.stack) >= MAX_DEPTH:
            self._refuse(event, "GW107", f"nested deeper than {MAX_DEPTH} levels; flatten it")
            raise _StopReadingError
        mapping = isinstance(event, MappingStartEvent)
        node = self._node(event, {} if mapping else [], broken=broken)
        node.children = {} if mapping else []
        node.flow = bool(event.flow_style)
        self._place(node)
        self.stack.append(_Frame(node))

    def _close(self, event: Any) -> None:  # noqa: ANN401
        node = self.stack.pop().node
        self.end = max(node.end, event.end_mark.index if node.flow else self.end)
        node.end = self.end

    def _place(self, node: Node) -> None:
        """Put a finished or opened value where it belongs."""
        if not self.stack:
            self.documents.append(node)
            return
        frame = self.stack[-1]
        children, value = frame.node.children, frame.node.value
        if isinstance(children, list):
            children.append(node)
            value.append(node.value)  # type: ignore[attr-defined] # a list, as its children are
        elif frame.key is None:
            message = "a key must be text, not a list or a mapping; write 'name: value'"
            self.problems.append(
                Problem(self.path, node.line, node.column, "GW115", self._field(), message)
            )
            frame.name, frame.key = "", ("", node.line, node.column, node.start)
            frame.node.broken = node.broken = True
        else:
            name, line, column, start = frame.key
            node.key = (line, column, start)
            children[name] = node  # type: ignore[index] # a mapping, or the branch above
            value[name] = node.value  # type: ignore[index] # a mapping, as its children are
            frame.key = None

    def _node(self, event: Any, value: object, *, broken: bool) -> Node:  # noqa: ANN401
        start, end = event.start_mark, event.end_mark
        return Node(value, start.line + 1, start.column + 1, start.index, end.index, broken=broken)

    def _decorated(self, event: NodeEvent) -> bool:
        """Whether the value carries an anchor or a tag, which is reported."""
        anchor: str | None = event.anchor
        tag: str | None = getattr(event, "tag", None)
        if anchor is not None:
            self._refuse(event, "GW108", f"anchor &{anchor} is not allowed; write the value out")
        if tag is not None:
            self._refuse(event, "GW110", f"tag {tag} is not allowed; write the plain value")
        return anchor is not None or tag is not None

    def _refuse(self, event: Any, code: str, message: str, *, inside: bool = True) -> None:  # noqa: ANN401
        mark = event.start_mark
        field = self._field() if inside else ""
        self.problems.append(
            Problem(self.path, mark.line + 1, mark.column + 1, code, field, message)
        )
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopReadingError

    def _field(self) -> str:
        """The dotted name of the value being read."""
        steps: Path = ()
        for frame in self.stack:
            if isinstance(frame.node.children, list):
                steps += (len(frame.node.children) - (frame is not self.stack[-1]),)
            else:
                steps += (frame.name,)
        return dotted(steps)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
