"""When each machine becomes stale, kept beside its dealings with the controller."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.model.posture import Posture
from controller.model.terms import Platform
from controller.scoring.staleness import stale_after
from controller.store.columns import instant, moment_of
from controller.store.objects_read import ObjectsReading


@dataclass(frozen=True, slots=True)
class Subject:
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
        approved_at: datetime,
    ) -> int | None:
        """When a machine becomes stale: as soon as one of its policies has no fresh evaluation."""
        rulebook = self.in_force().rulebook
        found: list[int] = []
        for policy_id in rulebook.matching(os, tags):
            since = evaluated.get(policy_id)
            at = stale_after(
                rulebook.policies[policy_id].document,
                approved_at if since is None else moment_of(since),
            )
            if at is not None:
                found.append(instant(at))
        return min(found, default=None)

    def restale(self, subjects: Iterable[Subject]) -> None:
        """Set it again, after schedules, targets or tags changed."""
        for subject in subjects:
            row = self.db.one(
                "SELECT c.evaluated, m.approved_at FROM contact c"
                " JOIN machine m ON m.number = c.machine WHERE c.machine = ?",
                (subject.number,),
            )
            if row is not None:
                at = self.stale_at(
                    subject.os, subject.tags, json.loads(row[0]), moment_of(row[1] or 0)
                )
                self.db.run(
                    "UPDATE contact SET stale_at = ? WHERE machine = ?", (at, subject.number)
                )
