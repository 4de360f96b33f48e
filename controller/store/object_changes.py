"""Objects as their rows say them, and what changed among them since they were last derived."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from sys import intern
from typing import Any, Final

from pydantic import TypeAdapter

from controller.model.documents import Check, Policy, Waiver
from controller.model.managed import GitOrigin, Managed
from controller.model.terms import KINDS, Kind
from controller.store.columns import moment_of
from controller.store.driver import Record

ADAPTERS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "policy": TypeAdapter(Policy),
    "check": TypeAdapter(Check),
    "exception": TypeAdapter(Waiver),
}
WHOLE: Final = (
    "SELECT kind, id, version, position, manager, created_at, updated_at,"
    " document, path, line, commit_sha, url FROM object WHERE deleted_at IS NULL"
)
STANDING: Final = (
    "SELECT kind, id, version, position, manager, created_at, updated_at"
    " FROM object WHERE deleted_at IS NULL"
)
"""Without what who wrote a row knows of it."""


def managed_of(row: Record) -> Managed[Any]:
    """An object from its row, in the order of ``WHOLE``."""
    kind, _, _, _, manager, created_at, updated_at, text, path, line, commit, url = row
    manager = intern(manager)  # few are compared with each other often
    origin = None
    if manager.startswith("git:"):
        origin = GitOrigin(manager.removeprefix("git:"), path, line, commit or "", url)
    document = ADAPTERS[kind].validate_json(text)
    return Managed(document, manager, origin, moment_of(created_at), moment_of(updated_at))


class ObjectChanges:
    """Objects that came, changed or went."""

    def __init__(self) -> None:
        self.objects: dict[Kind, dict[str, Managed[Any]]] = {kind: {} for kind in KINDS}
        self.versions: dict[tuple[Kind, str], int] = {}
        self.positions: dict[str, int] = {}
        """By check id: where the outcomes of its definition stand."""
        self.gone: Collection[tuple[Kind, str]] = ()

    def add(
        self, key: tuple[Kind, str], version: int, position: int | None, managed: Managed[Any]
    ) -> None:
        """Take in an object as it is now."""
        kind, id_ = key
        self.objects[kind][id_] = managed
        self.versions[key] = version
        if position is not None:
            self.positions[id_] = position

    def read(self, row: Record) -> None:
        """Take in an object from its row, in the order of ``WHOLE``."""
        kind, id_, version, position, *_ = row
        self.add((kind, id_), version, position, managed_of(row))

    def lost(self, kind: Kind) -> set[str]:
        """The ids of this kind that are no more."""
        return {id_ for of, id_ in self.gone if of == kind}

    def table(self, kind: Kind, known: Mapping[str, Managed[Any]]) -> Mapping[str, Managed[Any]]:
        """A table as it is after the changes, in order of id; the very same one if it has none."""
        fresh, lost = self.objects[kind], self.lost(kind)
        if not fresh and not lost:
            return known
        table = {**known, **fresh}
        for id_ in lost:
            table.pop(id_, None)
        return table if known.keys() >= fresh.keys() else dict(sorted(table.items()))
