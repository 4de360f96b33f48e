"""What would be in force after a plan, without putting it in force.

It follows the store's own apply step by step: ids keep the time when they first came into force, known
definitions keep their positions, and new ones get fresh ones. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.model.documents import Check, RepositorySettings, strictest
from controller.model.managed import GitOrigin, Managed
from controller.model.plan import Operation, Plan
from controller.model.posture import definition_digest
from controller.model.terms import KINDS, Kind
from controller.scoring.carry import Carry, same_facts
from controller.scoring.rulebook import Rulebook
from controller.store.port.store import Reading

Objects = Mapping[tuple[Kind, str], Managed[Any]]


@dataclass(frozen=True, slots=True)
class Projection:
    """A configuration that is or would be in force."""

    objects: Objects
    rulebook: Rulebook
    carry: tuple[Carry, ...] = ()
    """Definitions whose stored outcomes would be judged again from evidence."""


def in_force_now(reading: Reading) -> Projection:
    """What is in force."""
    in_force = reading.in_force()
    objects = {(kind, id_): each for kind in KINDS for id_, each in in_force.of_kind(kind).items()}
    return Projection(objects, in_force.rulebook)


def project(
    reading: Reading,
    before: Projection,
    plan: Plan,
    settings: RepositorySettings,
    *,
    source: str,
    as_of: datetime,
) -> Projection:
    """What would be in force if a plan were applied now.

    Args:
        reading: Knows the definitions and exceptions of the past.
        before: What the plan was made against.
        plan: The change.
        settings: Of the repository after the change.
        source: Whose plan it is.
        as_of: Now: new exceptions without a start begin then.
    """
    objects = dict(before.objects)
    positions = dict(before.rulebook.positions)
    first_applied = reading.first_applied()
    fresh = max([reading.next_position(), *(each + 1 for each in positions.values())])
    carry = list(before.carry)
    for operation in plan.operations:
        key = operation.kind, operation.id
        old = objects.get(key)
        if operation.document is None:
            objects.pop(key, None)
            continue
        since = old.created_at if old else _first(operation, first_applied, as_of)
        objects[key] = _managed(operation, source, since, as_of)
        if isinstance(operation.document, Check):
            was = positions.get(operation.id) if old is not None else None
            position = _position(reading, old, operation.document, was)
            if position is None:
                position, fresh = fresh, fresh + 1
            if old is not None and was is not None and was != position:
                same = same_facts(old.document, operation.document)
                carry += [Carry(operation.id, was, position)] if same else []
            positions[operation.id] = position
    rulebook = Rulebook(
        policies=_of(objects, "policy"),
        checks=_of(objects, "check"),
        waivers=_of(objects, "exception"),
        positions=positions,
        settings=_together(reading, source, settings),
        ended=before.rulebook.ended,
    )
    return Projection(objects, rulebook, tuple(carry))


def _together(reading: Reading, source: str, settings: RepositorySettings) -> RepositorySettings:
    """What all sources demand once one of them has other settings."""
    others = [each.name for each in reading.sources() if each.name != source]
    return strictest([settings, *map(reading.settings_of, others)])


def _position(
    reading: Reading, old: Managed[Any] | None, check: Check, was: int | None
) -> int | None:
    if old is not None and definition_digest(old.document) == definition_digest(check):
        return was
    return reading.known_position(check)


def _first(
    operation: Operation, first_applied: Mapping[str, datetime], as_of: datetime
) -> datetime:
    """A deleted exception's id that comes back goes on where it was."""
    return first_applied.get(operation.id, as_of) if operation.kind == "exception" else as_of


def _managed(operation: Operation, source: str, since: datetime, as_of: datetime) -> Managed[Any]:
    origin = GitOrigin(source, operation.place.path, operation.place.line, "")
    return Managed(operation.document, f"git:{source}", origin, since, as_of)


def _of(objects: Objects, kind: Kind) -> dict[str, Managed[Any]]:
    return {id_: each for (k, id_), each in objects.items() if k == kind}
