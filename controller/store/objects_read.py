"""The configuration in force, read and compiled once for each generation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from controller.errors import StoreError
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
from controller.model.terms import Kind
from controller.scoring.rulebook import Moment, Rulebook
from controller.store.columns import moment_of
from controller.store.context import Context
from controller.store.driver import Record
from controller.store.interface import InForce

ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    "policy": TypeAdapter(Policy),
    "check": TypeAdapter(Check),
    "exception": TypeAdapter(Waiver),
}
_COLUMNS = (
    "kind, id, version, manager, document, path, line, commit_sha, url, created_at, updated_at"
    ", position"
)


def managed_of(row: Record) -> Managed[Any]:
    """An object from its row, in the order of ``_COLUMNS``."""
    kind, _, _, manager, document, path, line, commit, url, created_at, updated_at, _ = row
    origin = None
    if manager.startswith("git:"):
        origin = GitOrigin(manager.removeprefix("git:"), path, line, commit or "", url)
    return Managed(
        document=ADAPTERS[kind].validate_json(document),
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
        if cached is not None and cached.generation == generation:
            return cached
        loaded = self._load(generation)
        self.cache.in_force = loaded
        return loaded

    def _load(self, generation: int) -> InForce:
        """Read what changed since the last load; unchanged objects are taken over as they are."""
        known = self.cache.parsed
        parsed: dict[tuple[str, str], tuple[int, Managed[Any]]] = {}
        positions: dict[str, int] = {}
        versions: dict[tuple[Kind, str], int] = {}
        for kind, id_, version, position in self.db.all(
            "SELECT kind, id, version, position FROM object WHERE deleted_at IS NULL ORDER BY kind, id"
        ):
            kept = known.get((kind, id_))
            if kept is None or kept[0] != version:
                row = self.db.one(
                    f"SELECT {_COLUMNS} FROM object WHERE kind = ? AND id = ?",  # noqa: S608
                    (kind, id_),
                )
                if row is None:
                    raise StoreError(f"{kind} {id_!r} vanished inside one snapshot")
                kept = (version, managed_of(row))
            parsed[kind, id_] = kept
            versions[kind, id_] = version
            if position is not None:
                positions[id_] = position
        self.cache.parsed = parsed

        def of(kind: str) -> dict[str, Any]:
            return {id_: each[1] for (k, id_), each in parsed.items() if k == kind}

        settings = self._settings()
        policies, checks, waivers = of("policy"), of("check"), of("exception")
        ended = frozenset(
            (waiver, moment_of(at))
            for waiver, at in self.db.all("SELECT waiver, expires_at FROM ended")
        )
        rulebook = Rulebook(
            policies=policies,
            checks=checks,
            waivers=waivers,
            positions=positions,
            settings=settings,
            ended=ended,
        )
        return InForce(
            generation,
            policies,
            checks,
            waivers,
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
        found = self.cache.moment(in_force.generation, rulebook, rulebook.active_waivers(as_of))
        self.cache.span = (in_force.generation, as_of, rulebook.next_instant(as_of), found)
        return found

    def judged_moment(self) -> Moment:
        """The moment that the newest stored scores were judged by."""
        in_force = self.in_force()
        present = frozenset(id_ for id_ in self.judged().active if id_ in in_force.waivers)
        return self.cache.moment(in_force.generation, in_force.rulebook, present)

    def next_instant(self, as_of: datetime) -> datetime | None:
        rulebook = self.in_force().rulebook
        if rulebook.active_waivers(as_of) != self.judged_moment().active:
            return as_of
        return rulebook.next_instant(as_of)

    def unfinished(self) -> bool:
        return self.judged().cursor is not None

    def tombstone(self, kind: Kind, id: str) -> datetime | None:
        row = self.db.one("SELECT deleted_at FROM object WHERE kind = ? AND id = ?", (kind, id))
        return moment_of(row[0]) if row and row[0] is not None else None

    def first_applied(self) -> Mapping[str, datetime]:
        rows = self.db.all("SELECT id, created_at FROM object WHERE kind = 'exception'")
        return {id_: moment_of(created_at) for id_, created_at in rows}

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
