"""Outcomes of definitions whose expectation changed, judged again from the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controller.model.posture import Posture
from controller.scoring.carry import Carry, carry_over, concerned
from controller.store.columns import Times, bitmap
from controller.store.evidence_rows import EvidenceReading
from controller.store.objects_read import ObjectsReading
from controller.store.outcome_times import OutcomeTimes
from controller.store.staleness import Subject


class Carrying(ObjectsReading, EvidenceReading, OutcomeTimes):
    """Reads and writes of postures when definitions change."""

    def carried(self, subject: Subject, carry: Sequence[Carry], as_of: datetime) -> Posture:
        """Judge changed definitions again from the evidence; the posture that results."""
        told = concerned(subject.posture, carry)
        if not told:
            return subject.posture
        evidence = self.stored_evidence(subject.number)
        times = self.times_of(subject.number)
        seconds = int(as_of.timestamp())
        posture, decided = carry_over(subject.posture, told, self.in_force().checks, evidence)
        for each, outcome in decided:
            old_times = times.get(each.old, Times(seconds, 0))
            same = outcome == subject.posture.outcome(each.old)
            first = old_times.first_failed or (seconds if outcome == "failed" else 0)
            times[each.new] = Times(old_times.since if same else seconds, first)
        self.save_posture(subject.number, posture)
        self.save_times(subject.number, times)
        return posture

    def save_posture(self, number: int, posture: Posture) -> None:
        """Write a machine's bitmaps."""
        self.db.run(
            "INSERT INTO posture (machine, passed, failed, errored, not_applicable)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (machine) DO UPDATE SET passed = excluded.passed,"
            " failed = excluded.failed, errored = excluded.errored,"
            " not_applicable = excluded.not_applicable, turns = 0",
            (number, *(bitmap(bits) for bits in posture)),
        )
