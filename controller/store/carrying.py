"""Outcomes of definitions whose expectation changed, judged again from the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controller.model.posture import Posture
from controller.scoring.carry import Carry, carry_over, concerned
from controller.store.columns import Times, bitmap, pack_times, unpack_times
from controller.store.evidence_rows import EvidenceReading
from controller.store.objects_read import ObjectsReading
from controller.store.staleness import Subject


class Carrying(ObjectsReading, EvidenceReading):
    """Reads and writes of postures when definitions change."""

    def carried(self, subject: Subject, carry: Sequence[Carry], as_of: datetime) -> Posture:
        """Judge changed definitions again from the evidence; the posture that results."""
        told = concerned(subject.posture, carry)
        if not told:
            return subject.posture
        evidence = self.stored_evidence(subject.number)
        times_row = self.db.one("SELECT times FROM posture WHERE machine = ?", (subject.number,))
        times = unpack_times(times_row[0]) if times_row else {}
        seconds = int(as_of.timestamp())
        posture, decided = carry_over(subject.posture, told, self.in_force().checks, evidence)
        for each, outcome in decided:
            old_times = times.get(each.old, Times(seconds, 0))
            same = outcome == subject.posture.outcome(each.old)
            first = old_times.first_failed or (seconds if outcome == "failed" else 0)
            times[each.new] = Times(old_times.since if same else seconds, first)
        self.save_posture(subject.number, posture, times)
        return posture

    def save_posture(self, number: int, posture: Posture, times: dict[int, Times]) -> None:
        """Write a machine's bitmaps and times."""
        self.db.run(
            "INSERT INTO posture (machine, passed, failed, errored, not_applicable, times)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (machine) DO UPDATE SET passed = excluded.passed,"
            " failed = excluded.failed, errored = excluded.errored,"
            " not_applicable = excluded.not_applicable, times = excluded.times",
            (number, *(bitmap(bits) for bits in posture), pack_times(times)),
        )
