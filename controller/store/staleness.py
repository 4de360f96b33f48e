"""When each machine becomes stale, kept beside its dealings with the controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from controller.model.documents import Policy
from controller.model.posture import Posture
from controller.model.terms import Platform
from controller.scoring.staleness import stale_after
from controller.store.columns import instant, instants_of, moment_of
from controller.store.context import Patience
from controller.store.objects_read import ObjectsReading

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def _fixed(policy: Policy) -> int | None:
    """Microseconds until an evaluation is old, when that is the same at every time of the year."""
    if policy.schedule_type != "continuous":
        return None
    after = stale_after(policy, _ANY_TIME)
    return None if after is None else instant(after) - instant(_ANY_TIME)


class Subject(NamedTuple):
    """A machine as judging sees it."""

    number: int
    uuid: str
    os: Platform
    tags: tuple[str, ...]
    posture: Posture


class Staleness(ObjectsReading):
    """Reads and writes of when machines become stale."""

    def stale_at(
        self,
        os: Platform,
        tags: tuple[str, ...],
        evaluated: Mapping[str, int],
        approved_at: int,
    ) -> int | None:
        """When a machine becomes stale: as soon as one of its policies has no fresh evaluation."""
        found: list[int] = []
        for policy_id, span in self.patience(os, tags):
            since = evaluated.get(policy_id)
            if span is not None:
                found.append((approved_at if since is None else since) + span)
                continue
            at = stale_after(
                self.in_force().rulebook.policies[policy_id].document,
                moment_of(approved_at if since is None else since),
            )
            if at is not None:
                found.append(instant(at))
        return min(found, default=None)

    def patience(self, os: Platform, tags: tuple[str, ...]) -> Patience:
        """How long each matching policy waits, worked out once for each generation and kind."""
        in_force = self.in_force()
        kept = self.cache.patience
        if kept is None or kept[0] != in_force.generation:
            kept = self.cache.patience = (in_force.generation, {})
        found = kept[1].get((os, tags))
        if found is None:
            rulebook = in_force.rulebook
            found = kept[1][os, tags] = tuple(
                (id_, _fixed(rulebook.policies[id_].document))
                for id_ in rulebook.matching(os, tags)
            )
        return found

    def restale(self, subjects: Iterable[Subject]) -> None:
        """Set it again, after schedules, targets or tags changed."""
        by_number = {subject.number: subject for subject in subjects}
        if not by_number:
            return
        # One statement for them all: those asked for lie together, or are few.
        rows = self.db.all(
            "SELECT c.machine, c.evaluated, m.approved_at, c.stale_at FROM contact c"
            " JOIN machine m ON m.number = c.machine WHERE c.machine >= ? AND c.machine <= ?",
            (min(by_number), max(by_number)),
        )
        found = []
        for number, evaluated, approved_at, stale_at in rows:
            subject = by_number.get(number)
            if subject is not None:
                at = self.stale_at(
                    subject.os, subject.tags, instants_of(evaluated), approved_at or 0
                )
                if at != stale_at:
                    found.append((at, number))
        if found:
            self.db.many("UPDATE contact SET stale_at = ? WHERE machine = ?", found)
