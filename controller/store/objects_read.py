"""The configuration in force, read and compiled once for each generation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from sys import intern
from typing import Any

from controller.model.configuration import Configuration, Declared, Place
from controller.model.documents import AnyDocument, Check, RepositorySettings, strictest
from controller.model.managed import Managed
from controller.model.posture import definition_digest
from controller.model.terms import KINDS, Kind
from controller.scoring.rulebook import Moment, Rulebook
from controller.store.columns import moment_of
from controller.store.context import Context
from controller.store.driver import Record
from controller.store.object_changes import STANDING, WHOLE, ObjectChanges
from controller.store.port.configuration import InForce

_MANY = 200
"""From so many objects on, all rows are read rather than one after the other."""


class ObjectsReading(Context):
    """Reads of configuration."""

    def change(self) -> int:
        return self.counter("change")

    def in_force(self) -> InForce:
        generation = self.counter("generation")
        cached = self.cache.in_force
        if cached is None or cached.generation != generation:
            # Everybody else's changes come with another generation than the one derived last.
            own = cached is not None and cached.generation == self._derived
            changes = self._written_here() if own else self._read_since(cached)
            cached = self.cache.in_force = self._derive(generation, cached, changes)
            self._stored = {}
        self._derived = generation
        return cached

    def _rows_of(self, query: str, keys: Collection[tuple[Kind, str]]) -> Sequence[Record]:
        """The rows of these objects as they are now, and perhaps those of others too."""
        if len(keys) > _MANY:
            return self.db.all(query)
        one = f"{query} AND kind = ? AND id = ?"
        return [row for key in keys if (row := self.db.one(one, key)) is not None]

    def _written_here(self) -> ObjectChanges:
        """What this transaction wrote: nobody else can have written anything else there."""
        changes = ObjectChanges()
        unread = {key for key, each in self._stored.items() if each is None}
        for row in self._rows_of(STANDING, self._stored.keys() - unread):
            kind, id_, version, position, manager, created_at, updated_at = row
            key = kind, id_
            each = self._stored.get(key)
            if each is not None:
                since, until = moment_of(created_at), moment_of(updated_at)
                managed = Managed(each.document, intern(manager), each.origin, since, until)
                changes.add(key, version, position, managed)
        for row in self._rows_of(WHOLE, unread):
            if (row[0], row[1]) in unread:
                changes.read(row)
        changes.gone = self._stored.keys() - changes.versions.keys()
        return changes

    def _read_since(self, known: InForce | None) -> ObjectChanges:
        """What is not as it is known."""
        changes = ObjectChanges()
        if known is None:
            for row in self.db.all(WHOLE):
                changes.read(row)
            return changes
        query = "SELECT kind, id, version FROM object WHERE deleted_at IS NULL"
        now = {(kind, id_): version for kind, id_, version in self.db.all(query)}
        fresh = {key for key, version in now.items() if known.versions.get(key) != version}
        for row in self._rows_of(WHOLE, fresh):
            if (row[0], row[1]) in fresh:
                changes.read(row)
        changes.gone = known.versions.keys() - now.keys()
        return changes

    def _derive(self, generation: int, known: InForce | None, changes: ObjectChanges) -> InForce:
        """What is in force; what did not change is taken over as it is, tables included."""
        tables = {kind: changes.table(kind, known.of_kind(kind) if known else {}) for kind in KINDS}
        positions: Mapping[str, int] = known.rulebook.positions if known else {}
        placed, lost = changes.positions, changes.lost("check")
        if lost or any(positions.get(id_) != place for id_, place in placed.items()):
            positions = {k: v for k, v in {**positions, **placed}.items() if k not in lost}
        settings = self._settings()
        ended = frozenset(
            (waiver, moment_of(at))
            for waiver, at in self.db.all("SELECT waiver, expires_at FROM ended")
        )
        rulebook = Rulebook(
            policies=tables["policy"],
            checks=tables["check"],
            waivers=tables["exception"],
            positions=positions,
            settings=settings,
            ended=ended,
            before=known.rulebook if known else None,
        )
        versions = {**(known.versions if known else {}), **changes.versions}
        for key in changes.gone:
            versions.pop(key, None)
        return InForce(
            generation,
            tables["policy"],
            tables["check"],
            tables["exception"],
            settings,
            self.judged().revision,
            rulebook,
            versions,
        )

    def _settings(self) -> RepositorySettings:
        """For writes through the API: what all sources together demand."""
        rows = self.db.all("SELECT settings FROM source ORDER BY name")
        return strictest(RepositorySettings.model_validate_json(row[0]) for row in rows)

    def settings_of(self, source: str) -> RepositorySettings:
        row = self.db.one("SELECT settings FROM source WHERE name = ?", (source,))
        return RepositorySettings.model_validate_json(row[0]) if row else RepositorySettings()

    def moment(self, as_of: datetime) -> Moment:
        in_force = self.in_force()
        span = self.cache.span
        if (
            span is not None
            and span[0] == in_force.generation
            and span[1] <= as_of
            and (span[2] is None or as_of < span[2])
        ):
            return span[3]
        rulebook = in_force.rulebook
        found = self.cache.moment(in_force.generation, rulebook, rulebook.timeline.active(as_of))
        self.cache.span = (in_force.generation, as_of, rulebook.timeline.next_instant(as_of), found)
        return found

    def judged_moment(self) -> Moment:
        """The moment that the newest stored scores were judged by."""
        in_force = self.in_force()
        active = self.judged().active
        if not in_force.waivers.keys() >= active:
            active = frozenset(id_ for id_ in active if id_ in in_force.waivers)
        return self.cache.moment(in_force.generation, in_force.rulebook, active)

    def next_instant(self, as_of: datetime) -> datetime | None:
        rulebook = self.in_force().rulebook
        if rulebook.timeline.active(as_of) != self.judged_moment().active:
            return as_of
        return rulebook.timeline.next_instant(as_of)

    def unfinished(self) -> bool:
        return self.judged().cursor is not None

    def tombstone(self, kind: Kind, id: str) -> datetime | None:
        row = self.db.one("SELECT deleted_at FROM object WHERE kind = ? AND id = ?", (kind, id))
        return moment_of(row[0]) if row and row[0] is not None else None

    def first_applied(self) -> Mapping[str, datetime]:
        waivers = self.in_force().waivers
        known = self.cache.first_applied
        if known is None or known[0] is not waivers:  # an exception was written since
            rows = self.db.all("SELECT id, created_at FROM object WHERE kind = 'exception'")
            found = {id_: moment_of(created_at) for id_, created_at in rows}
            known = self.cache.first_applied = (waivers, found)
        return known[1]

    def known_position(self, check: Check) -> int | None:
        row = self.db.one(
            "SELECT position FROM definition WHERE check_id = ? AND digest = ?",
            (check.id, definition_digest(check)),
        )
        return None if row is None else int(row[0])

    def next_position(self) -> int:
        row = self.db.one("SELECT coalesce(max(position), -1) + 1 FROM definition")
        return int(row[0]) if row else 0

    def declared(self, source: str) -> Configuration:
        in_force = self.in_force()
        manager = f"git:{source}"

        def mine(table: Mapping[str, Managed[AnyDocument]]) -> dict[str, Declared[Any]]:
            return {
                id_: Declared(each.document, Place(each.origin.path, each.origin.line))
                for id_, each in table.items()
                if each.manager == manager and each.origin is not None
            }

        return Configuration(
            policies=mine(in_force.policies),
            checks=mine(in_force.checks),
            waivers=mine(in_force.waivers),
            settings=self.settings_of(source),
        )

    def policy_numbers(self) -> dict[str, int]:
        """Policy id to its small number; deleted ones included."""
        return dict(self.db.all("SELECT id, number FROM object WHERE kind = 'policy'"))
