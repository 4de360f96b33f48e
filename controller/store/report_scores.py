"""What a report makes of a machine's scores."""

from __future__ import annotations

from typing import Final

from controller.model.posture import Posture
from controller.scoring.absorb import Absorbed
from controller.scoring.ledger import Ledger
from controller.scoring.profile import Profile
from controller.scoring.standing import Shown, figures_after, standings
from controller.store.columns import instant, standing_columns
from controller.store.context import Cache
from controller.store.dealings import Dealings
from controller.store.driver import Session
from controller.store.port.fleet import Cause
from controller.store.port.reports import Submission
from controller.store.rescoring import Rescoring
from controller.store.score_rows import keys_of
from controller.store.staleness import Subject

ADD_CHANGE: Final = (
    "INSERT INTO machine_change (machine, at, cause_kind, cause_ref, cause_detail, outcomes, scores)"
    " VALUES (?, ?, 'report', ?, '', ?, ?)"
)
Moved = list[tuple[int | None, ...]]
"""Scores that are not what they were: the key of the row, hundredths, risk and compliance."""


class ReportScores(Rescoring):
    """Score rows and counters, kept in step with what machines report."""

    def __init__(self, db: Session, cache: Cache) -> None:
        super().__init__(db, cache)
        self._keys: dict[int, tuple[int, ...]] = {}

    def overall_of(self, profile: Profile, posture: Posture) -> Shown:
        """A machine's overall standing."""
        return standing_columns(standings(profile, posture)[0])[:3]

    def move_by_report(
        self,
        known: Dealings,
        profile: Profile,
        absorbed: Absorbed,
        submission: Submission,
        ledger: Ledger,
    ) -> tuple[Shown, Moved]:
        """Bring a machine's rows to a new posture; its overall standing, and what its history says.

        What it had is what its rows say, where they were read, and what no turned outcome touches is
        not weighed.
        """
        # Profiles live as long as the transaction's moment does.
        keys = self._keys.get(id(profile))
        if keys is None:
            keys = self._keys[id(profile)] = keys_of(profile, self.policy_numbers_cached())
        stored = known.scores
        if stored is None or stored.keys() != set(keys):
            return self._move_anew(known, profile, absorbed.posture, submission, ledger)
        before, after = known.posture, absorbed.posture
        turned = before[0] ^ after[0] | before[1] ^ after[1] | before[2] ^ after[2]
        was = [stored[key] for key in keys]
        now = figures_after(profile, was, turned, after)
        slot, number = self.judged().slot, known.number
        moved: Moved = []
        for key, old, new in zip(keys, was, now, strict=True):
            if old != new:
                ledger.turn(key, old, new)
                self._pending.scores.append((slot, number, key, *new))
                if old[:3] != new[:3]:
                    moved.append((key, *new[:3]))
        ledger.turns(profile.overall.counted, absorbed.changed)
        return now[0][:3], moved

    def _move_anew(
        self,
        known: Dealings,
        profile: Profile,
        posture: Posture,
        submission: Submission,
        ledger: Ledger,
    ) -> tuple[Shown, Moved]:
        """The same where a fleet-wide change goes on: all is weighed, before and after."""
        subject = Subject(known.number, known.uuid, known.os, known.tags, known.posture)
        cause, at = Cause("report", submission.report.report_id), submission.received_at
        judged = self.judged()
        now = self.move(subject, profile, profile, posture, cause, at, judged, ledger)
        told = (known.number, instant(at), cause.kind, cause.ref, cause.detail)
        return standing_columns(now[0])[:3], self.told_elsewhere(told)
