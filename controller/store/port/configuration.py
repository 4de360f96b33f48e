"""What the store knows of the configuration in force, and how it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controller.model.configuration import Place
from controller.model.documents import AnyDocument, Check, Policy, RepositorySettings, Waiver
from controller.model.managed import Managed
from controller.model.plan import Plan
from controller.model.source import Commit, RevisionRecord
from controller.model.terms import Kind
from controller.scoring.rulebook import Moment, Rulebook


@dataclass(frozen=True, slots=True)
class InForce:
    """The configuration in force, whoever manages it. Cached by ``generation``."""

    generation: int
    """Rises with every change of an object or of the settings."""
    policies: Mapping[str, Managed[Policy]]
    checks: Mapping[str, Managed[Check]]
    waivers: Mapping[str, Managed[Waiver]]
    settings: RepositorySettings
    revision: str | None
    """Of the newest applied commit, ``main@sha1:...``; none before the first."""
    rulebook: Rulebook
    versions: Mapping[tuple[Kind, str], int]
    """Rises with every change of one object; for entity tags."""

    def of_kind(self, kind: Kind) -> Mapping[str, Managed[AnyDocument]]:
        """The objects of one kind, by id."""
        tables: dict[Kind, Mapping[str, Managed[AnyDocument]]] = {
            "policy": self.policies,
            "check": self.checks,
            "exception": self.waivers,
        }
        return tables[kind]


class ConfigurationReading(Protocol):
    """The configuration part of a snapshot."""

    def in_force(self) -> InForce: ...
    def change(self) -> int:
        """Rises with every transaction that could change an answer; for entity tags."""
        ...

    def moment(self, as_of: datetime) -> Moment: ...
    def next_instant(self, as_of: datetime) -> datetime | None:
        """When scores next move by time alone; ``as_of`` itself when that is overdue."""
        ...

    def unfinished(self) -> bool:
        """Whether a fleet-wide change still has chunks to go."""
        ...

    def tombstone(self, kind: Kind, id: str) -> datetime | None:
        """When an object was deleted; none if it never existed or exists."""
        ...

    def first_applied(self) -> Mapping[str, datetime]:
        """Exception id to when it was first applied, deleted ones included."""
        ...

    def known_position(self, check: Check) -> int | None:
        """The bit position of a check's definition; none when it was never seen."""
        ...

    def next_position(self) -> int:
        """The position that the next definition never seen before gets."""
        ...


class ConfigurationWriting(Protocol):
    """Changes of the configuration, by git, the API and time."""

    def apply_plan(
        self,
        source: str,
        plan: Plan,
        settings: RepositorySettings,
        record: RevisionRecord,
        provenance: Mapping[str, Commit],
        as_of: datetime,
        links: Mapping[tuple[Kind, str], str] | None = None,
        places: Mapping[tuple[Kind, str], Place] | None = None,
    ) -> int:
        """Put a plan in force: objects, inventory, tombstones, positions, history, scores.

        Args:
            source: Whose plan it is.
            plan: As it was reviewed.
            settings: Of the repository at that revision.
            record: The revision's history row, result ``applied``.
            provenance: Path to the commit that last changed it.
            as_of: Now.
            links: Address of file and line at the host, by object.
            places: Where objects stand now whose line or file moved without a change.

        Returns:
            The new configuration epoch.

        Raises:
            ConflictError: When the objects stored are no longer those the plan was made against, or
                when the count read back is not the plan's.
        """
        ...

    def put_object(
        self,
        kind: Kind,
        document: AnyDocument,
        *,
        actor: str,
        as_of: datetime,
        create: bool,
        expected_version: int | None = None,
    ) -> bool:
        """Create or replace an object for a principal.

        Returns:
            Whether anything changed.

        Raises:
            GitManagedError: Git declares the id or the name, or a git policy selects what an
                exception would touch and the settings say no.
            GitOnlyError: The settings allow no API writes.
            ConflictError: The id or name is taken, or ``expected_version`` is not the stored one
                (``PreconditionError`` semantics are the caller's: compare versions first).
            NotFoundError: Nothing to replace.
        """
        ...

    def delete_object(
        self,
        kind: Kind,
        id: str,
        *,
        actor: str,
        as_of: datetime,
        expected_version: int | None = None,
    ) -> None: ...
    def seed_checks(
        self, checks: Iterable[Check], *, actor: str, as_of: datetime
    ) -> tuple[int, int, int, tuple[str, ...]]:
        """Import built-in checks; created, updated, unchanged, and ids that git declares."""
        ...

    def pass_instant(self, as_of: datetime) -> int:
        """Judge again what an exception's start or end changes; how many exceptions flipped."""
        ...

    def continue_rescoring(self, as_of: datetime) -> bool:
        """Take one more chunk of a fleet-wide change; false when nothing is left to do."""
        ...

    def compact(self, as_of: datetime, keep: timedelta) -> bool:
        """Delete history older than ``keep``, for a portion of the machines; false when all are done.

        Once a day (UTC) every machine's turn comes. What is in force is never touched.
        """
        ...
