"""What putting a configuration in force would do to what is in force now. Pure.

The one planner: the reconciler applies its plans, ``gitward plan`` and the API show them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from controller.model.configuration import Configuration, Declared, Place
from controller.model.documents import (
    AnyDocument,
    Check,
    Document,
    Policy,
    RepositorySettings,
    Waiver,
)
from controller.model.managed import Managed
from controller.model.plan import FieldChange, Operation, Plan, json_values
from controller.model.problem import Problem
from controller.model.terms import KINDS, Kind
from controller.scoring.waivers import state

Current = Mapping[tuple[Kind, str], Managed[Any]]
"""Everything in force, whoever manages it."""

Keys = Collection[tuple[Kind, str]]

_canonical: Final = msgspec.json.Encoder(order="sorted", enc_hook=vars).encode
"""Sorted, so that the order in which a document's maps were written is none of the digest's business."""
_ABSENT: Final = Place("", 0, 0)
_RANK: Final = {kind: rank for rank, kind in enumerate(KINDS)}


class Everything(Mapping[tuple[Kind, str], Managed[Any]]):
    """The objects in force as one mapping, without a copy."""

    def __init__(self, tables: Mapping[Kind, Mapping[str, Managed[Any]]]) -> None:
        self._tables = tables

    def __getitem__(self, key: tuple[Kind, str]) -> Managed[Any]:
        return self._tables[key[0]][key[1]]

    def get(self, key: tuple[Kind, str], default: Any = None) -> Any:  # noqa: ANN401 - as a mapping's
        """As every mapping's, without raising and catching for each of thousands that are not there."""
        return self._tables[key[0]].get(key[1], default)

    def __iter__(self) -> Iterator[tuple[Kind, str]]:
        return ((kind, id_) for kind, table in self._tables.items() for id_ in table)

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))


def plan(
    current: Current,
    head: Configuration,
    *,
    source: str,
    as_of: datetime,
    settings: RepositorySettings | None = None,
    only: Keys | None = None,
) -> Plan:
    """Compare what is in force with what a source declares.

    Args:
        current: Everything in force.
        head: What the source declares, already valid.
        source: The source's name; only its own objects are ever deleted.
        as_of: Decides which deleted exceptions have expired, and nothing else.
        settings: The repository settings in force; the defaults when there are none yet.
        only: What alone can differ, where that is known.

    Returns:
        Real changes alone: planning again after applying gives an empty plan.
    """
    manager = f"git:{source}"
    found = (
        _operation(kind, managed, declared, manager, as_of)
        for kind, managed, declared in _pairs_of(current, head, only)
    )
    operations = sorted((each for each in found if each is not None), key=_order)
    operations = list(_with_hints(operations, current))
    changed = differences(settings or RepositorySettings(), head.settings)
    return Plan(tuple(operations), digest(operations, changed), changed)


def _pairs_of(
    current: Current, head: Configuration, only: Keys | None
) -> Iterator[tuple[Kind, Managed[Any] | None, Declared[Any] | None]]:
    """What is in force and what is declared under each id."""
    declared = {kind: head.of_kind(kind) for kind in KINDS}
    if only is not None:
        for kind, id_ in only:
            yield kind, current.get((kind, id_)), declared[kind].get(id_)
        return
    for kind in KINDS:
        for id_, each in declared[kind].items():
            yield kind, current.get((kind, id_)), each
    for kind, id_ in current:
        if id_ not in declared[kind]:
            yield kind, current[kind, id_], None


def _in_both(
    current: Current, head: Configuration, only: Keys | None
) -> Iterator[tuple[Kind, Managed[Any], Declared[Any]]]:
    """What is in force and declared under the same id."""
    declared = {kind: head.of_kind(kind) for kind in KINDS}
    for kind, id_ in current if only is None else only:
        managed, each = current.get((kind, id_)), declared[kind].get(id_)
        if managed is not None and each is not None:
            yield kind, managed, each


def _operation(
    kind: Kind,
    managed: Managed[Any] | None,
    declared: Declared[Any] | None,
    manager: str,
    as_of: datetime,
) -> Operation | None:
    if declared is None:
        return _deletion(kind, managed, as_of) if managed and managed.manager == manager else None
    if managed is None:
        return Operation("add", kind, declared.id, declared.place, declared.document)
    if managed.manager != manager:
        return _adoption(kind, managed, declared)
    return _difference(kind, managed, declared)


def owned(current: Current, *, source: str) -> dict[Kind, int]:
    """How many objects of each kind a source manages."""
    counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
    for (kind, _), managed in current.items():
        if managed.manager == f"git:{source}":
            counts[kind] += 1
    return counts


def shifted(
    current: Current,
    head: Configuration,
    touched: frozenset[str] = frozenset(),
    only: Keys | None = None,
) -> dict[tuple[Kind, str], Place]:
    """Where objects stand now whose line or file alone moved on: no change, yet origins stay true.

    Args:
        current: Everything in force.
        head: What the source declares.
        touched: Files that were changed around them.
        only: What alone can have moved, where that is known.
    """
    return {
        (kind, declared.id): declared.place
        for kind, managed, declared in _in_both(current, head, only)
        if managed.origin
        and managed.origin.path == declared.place.path
        and (managed.origin.line != declared.place.line or declared.place.path in touched)
    }


def foreign(
    current: Current,
    head: Configuration,
    *,
    source: str,
    removed: frozenset[str] = frozenset(),
    only: Keys | None = None,
) -> tuple[Problem, ...]:
    """Declarations of what another source declares already: one object has one manager.

    What belongs to a source that the operator has ``removed`` may be taken over.
    """
    found = []
    for kind, managed, declared in _in_both(current, head, only):
        if managed.managed_by == "git" and managed.manager != f"git:{source}":
            other = managed.manager.removeprefix("git:")
            if other in removed:
                continue
            where = f" ({managed.origin})" if managed.origin else ""
            message = f"{kind} {declared.id!r} is declared by the source {other!r} already{where}; remove one"
            place = declared.place
            found.append(Problem(place.path, place.line, place.column, "GW604", "id", message))
    return tuple(sorted(found))


def digest(operations: Iterable[Operation], settings: tuple[FieldChange, ...] = ()) -> str:
    """What a person confirms: hex SHA-256 of the changes, free of times, commits and line numbers.

    Of what is new it takes in the whole document, as it is; of everything else the differences.
    """
    changes: list[object] = [
        [
            each.op,
            each.kind,
            each.id,
            each.place.path,
            each.previous_path,
            each.document if each.op == "add" else each.differences,
        ]
        for each in operations
    ]
    if settings:
        changes.append(["settings", settings])
    return hashlib.sha256(_canonical(changes)).hexdigest()


def differences(before: Document, after: Document) -> tuple[FieldChange, ...]:
    """The fields that differ, as JSON values; within maps each key apart, dotted."""
    if before == after:
        return ()
    return tuple(_compare("", json_values(before), json_values(after)))


def _compare(
    prefix: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[FieldChange]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _compare(f"{prefix}{key}.", old, new)
        else:
            yield FieldChange(prefix + key, old, new)


def _place(managed: Managed[Any]) -> Place:
    origin = managed.origin
    return Place(origin.path, origin.line) if origin else _ABSENT


def _adoption(kind: Kind, managed: Managed[Any], declared: Declared[Any]) -> Operation:
    fields = differences(managed.document, declared.document)
    return Operation("adopt", kind, declared.id, declared.place, declared.document, fields)


def _difference(kind: Kind, managed: Managed[Any], declared: Declared[Any]) -> Operation | None:
    old = managed.origin.path if managed.origin else ""
    previous = old if old != declared.place.path else None
    if previous is None and managed.document == declared.document:
        return None
    fields = differences(managed.document, declared.document)
    return Operation(
        "change" if fields else "move",
        kind,
        declared.id,
        declared.place,
        declared.document,
        fields,
        previous_path=previous,
    )


def _deletion(kind: Kind, managed: Managed[Any], as_of: datetime) -> Operation:
    document: AnyDocument = managed.document
    return Operation(
        "delete",
        kind,
        managed.id,
        _place(managed),
        None,
        protected=isinstance(document, Policy) and document.protect,
        expired=isinstance(document, Waiver) and state(managed, as_of, 0) == "expired",
    )


def _with_hints(operations: list[Operation], current: Current) -> Iterator[Operation]:
    """Point at deletions that look like a renamed file whose id was its stem."""
    if not any(each.op == "delete" for each in operations):
        yield from operations
        return
    added = {
        (each.kind, _likeness(each.document)): each
        for each in operations
        if each.op == "add" and each.document is not None and _named_by_file(each)
    }
    for operation in operations:
        if operation.op == "delete" and _named_by_file(operation):
            old = current[operation.kind, operation.id].document
            twin = added.get((operation.kind, _likeness(old)))
            if twin is not None:
                operation = replace(
                    operation,
                    hint=f"looks like a rename to {twin.place.path}; "
                    f"write 'id: {operation.id}' there to keep its history",
                )
        yield operation


def _named_by_file(operation: Operation) -> bool:
    return PurePosixPath(operation.place.path).stem == operation.id


def _likeness(document: AnyDocument) -> tuple[object, ...]:
    """What two documents share when one is the other under a new id."""
    match document:
        case Policy():
            return (document.name,)
        case Check():
            return (document.query, document.title)
        case Waiver():
            selector = (document.scope, document.agents, document.tag, document.policy_id)
            return (document.checks, *selector)


def _order(operation: Operation) -> tuple[int, str]:
    return _RANK[operation.kind], operation.id
