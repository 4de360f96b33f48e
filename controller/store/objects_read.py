"""The configuration in force, read and compiled once for each generation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from sys import intern
from typing import Any

from pydantic import TypeAdapter

from controller.model.configuration import Configuration, Declared, Place
from controller.model.documents import (
    AnyDocument,
    Check,
    Policy,
    RepositorySettings,
    Waiver,
    strictest,
)
from controller.model.managed import GitOrigin, Managed
from controller.model.posture import definition_digest
from controller.model.terms import KINDS, Kind
from controller.scoring.rulebook import Moment, Rulebook
from controller.store.columns import moment_of
from controller.store.context import Context, Written
from controller.store.driver import Record
from controller.store.port.configuration import InForce

ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    "policy": TypeAdapter(Policy),
    "check": TypeAdapter(Check),
    "exception": TypeAdapter(Waiver),
}
_COLUMNS = (
    "kind, id, version, manager, document, path, line, commit_sha, url, created_at, updated_at"
    ", position"
)

_ALL = f"SELECT {_COLUMNS} FROM object WHERE deleted_at IS NULL"  # noqa: S608
_ONE = f"{_ALL} AND kind = ? AND id = ?"
_MANY = 200
"""From so many objects on, all rows are read rather than one after the other."""

_Rows = tuple[Sequence[Record], Collection[tuple[Kind, str]]]


def _renewed(
    known: Mapping[str, Managed[Any]], fresh: Mapping[str, Managed[Any]], lost: Collection[str]
) -> Mapping[str, Managed[Any]]:
    """A table with some entries replaced, added or taken away, in order of id."""
    table = {**known, **fresh}
    for id_ in lost:
        table.pop(id_, None)
    return table if known.keys() >= fresh.keys() else dict(sorted(table.items()))


def managed_of(row: Record, written: Written | None) -> Managed[Any]:
    """An object from its row, in the order of ``_COLUMNS``."""
    kind, _, _, manager, text, path, line, commit, url, created_at, updated_at, _ = row
    manager = intern(manager)  # few are compared with each other often
    origin = None
    if manager.startswith("git:"):
        origin = GitOrigin(manager.removeprefix("git:"), path, line, commit or "", url)
    return Managed(
        document=(
            written.document
            if written is not None and written.text == text
            else ADAPTERS[kind].validate_json(text)
        ),
        manager=manager,
        origin=origin,
        created_at=moment_of(created_at),
        updated_at=moment_of(updated_at),
    )


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
            rows = self._rows_of(self._stored) if own else self._rows_since(cached)
            cached = self.cache.in_force = self._derive(generation, cached, *rows)
            self._stored = {}
        self._derived = generation
        return cached

    def _rows_of(self, keys: Collection[tuple[Kind, str]]) -> _Rows:
        """The rows of these objects as they are now, and which are no more."""
        if len(keys) > _MANY:
            present = [row for row in self.db.all(_ALL) if (row[0], row[1]) in keys]
        else:
            present = [row for k in keys if (row := self.db.one(_ONE, k)) is not None]
        return present, set(keys) - {(row[0], row[1]) for row in present}

    def _rows_since(self, known: InForce | None) -> _Rows:
        """The rows that are not those known, and which are no more."""
        if known is None:
            return self.db.all(_ALL), set()
        now = {
            (kind, id_): version
            for kind, id_, version in self.db.all(
                "SELECT kind, id, version FROM object WHERE deleted_at IS NULL"
            )
        }
        fresh = {key for key, version in now.items() if known.versions.get(key) != version}
        rows, _ = self._rows_of(fresh)
        return rows, known.versions.keys() - now.keys()

    def _derive(
        self,
        generation: int,
        known: InForce | None,
        rows: Sequence[Record],
        gone: Collection[tuple[Kind, str]],
    ) -> InForce:
        """What is in force; what did not change is taken over as it is, tables included."""
        tables: dict[Kind, Mapping[str, Managed[Any]]] = {
            kind: known.of_kind(kind) if known else {} for kind in KINDS
        }
        positions = known.rulebook.positions if known else {}
        fresh: dict[Kind, dict[str, Managed[Any]]] = {kind: {} for kind in KINDS}
        placed: dict[str, int] = {}
        for row in rows:
            fresh[row[0]][row[1]] = managed_of(row, self._stored.get((row[0], row[1])))
            if row[-1] is not None:
                placed[row[1]] = row[-1]
        for kind in KINDS:
            lost = {id_ for of, id_ in gone if of == kind}
            if fresh[kind] or lost:
                tables[kind] = _renewed(tables[kind], fresh[kind], lost)
            if kind == "check" and (lost or any(positions.get(k) != v for k, v in placed.items())):
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
        versions = dict(known.versions) if known else {}
        versions.update(((row[0], row[1]), row[2]) for row in rows)
        for key in gone:
            del versions[key]
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
