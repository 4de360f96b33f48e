"""Judge stored postures again when the judgement changes.

Few machines are judged inside the transaction that changes the judgement. Many are judged in chunks,
into the other of two sets of score rows (slots); readers keep seeing the old set, whole, until the
new one is complete and a single row flips. So nobody ever reads a mix (docs/adr/0004).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import Final

from controller.model.posture import Posture
from controller.scoring.carry import Carry, carry_over, concerned
from controller.scoring.ledger import NOTHING, OVERALL, Ledger, effective
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment
from controller.scoring.standing import Shift, Standing, standings
from controller.store.columns import (
    StandingColumns,
    Times,
    bitmap,
    instant,
    pack_times,
    posture_of,
    standing_columns,
    tags_of,
    unpack_times,
)
from controller.store.context import Cache, Judged
from controller.store.driver import Session
from controller.store.evidence_rows import EvidenceReading
from controller.store.interface import Cause
from controller.store.movements import TOTAL_COLUMNS, Movements
from controller.store.staleness import Subject

IN_PLACE: Final = 1_000
"""How many machines are judged again inside the changing transaction itself."""
CHUNK: Final = 10_000
"""How many machines one step of a fleet-wide change takes at most."""
PORTION: Final = 250
"""How many are judged between two looks at the clock."""
STEP_SECONDS: Final = 0.08
"""After this long a step ends; it bounds how long writers wait."""


@dataclass(slots=True)
class _Pending:
    """Rows that ``move`` made and ``post`` writes, so that each table is written to once."""

    gone: list[tuple[int, int, int]] = field(default_factory=list)
    scores: list[tuple[int | None, ...]] = field(default_factory=list)
    changes: list[tuple[int | str | None, ...]] = field(default_factory=list)


class Rescoring(Movements, EvidenceReading):
    """Score rows, counters and history, kept in step with postures and judgement."""

    in_place = IN_PLACE
    chunk = CHUNK

    def __init__(self, db: Session, cache: Cache) -> None:
        super().__init__(db, cache)
        self._pending = _Pending()
        self._numbers: tuple[int, dict[str, int]] | None = None
        self._shifts: dict[tuple[int, int], tuple[Profile, Profile, Shift | None]] = {}

    def subjects(
        self, numbers: Iterable[int] | None = None, after: int = 0, limit: int = -1
    ) -> list[Subject]:
        """Approved machines with their postures: the given ones, or all in order after a number."""
        query = (
            "SELECT m.number, m.uuid, m.os, m.tags, p.passed, p.failed, p.errored, p.not_applicable"
            " FROM machine m JOIN posture p ON p.machine = m.number WHERE m.status = 'approved'"
        )
        if numbers is not None:
            rows = [row for n in numbers if (row := self.db.one(f"{query} AND m.number = ?", (n,)))]
        else:
            rows = self.db.all(
                f"{query} AND m.number > ? ORDER BY m.number LIMIT ?", (after, limit)
            )
        return [
            Subject(row[0], row[1], row[2], tags_of(row[3]), posture_of(row[4:8])) for row in rows
        ]

    def rejudge(
        self,
        before: Moment,
        after: Moment,
        cause: Cause,
        as_of: datetime,
        *,
        numbers: Sequence[int] | None = None,
        carry: Sequence[Carry] = (),
    ) -> None:
        """Bring scores from one moment to another.

        Args:
            before: What the stored scores were judged by.
            after: What is in force from now on.
            cause: For the history.
            as_of: Now.
            numbers: The only machines that can be concerned; none means all.
            carry: Definitions that may be judged again from evidence.
        """
        judged = self.judged()
        judged = replace(
            judged,
            epoch=judged.epoch + 1,
            active=tuple(sorted(after.active)),
            changed_at=instant(as_of),
        )
        schedules = numbers is None and not cause.kind.startswith("exception")
        narrow = numbers is not None and len(numbers) <= self.in_place
        if not narrow and (judged.cursor is not None or self._approved() > self.in_place):
            self._begin_fleet_change(judged, cause, as_of, carry, schedules=schedules)
            return
        if judged.cursor is None:
            judged = replace(judged, visible_revision=judged.revision)
        # One that comes while a fleet-wide change goes on is measured with that.
        alone = judged.cursor is None
        movement = self.begin_movement(cause, as_of) if alone else None
        self.save_judged(judged)
        ledger = Ledger()
        subjects = self.subjects(numbers)
        for subject in subjects:
            posture = self._carry_over(subject, carry, as_of)
            self.move(
                subject,
                before.profile(subject.uuid, subject.os, subject.tags),
                after.profile(subject.uuid, subject.os, subject.tags),
                posture,
                cause,
                as_of,
                judged,
                ledger,
            )
        self.post(ledger, judged.target_slot, as_of)
        if movement is not None:
            self.end_movement(movement)
        if schedules:
            self.restale(subjects)

    def _approved(self) -> int:
        row = self.db.one("SELECT count(*) FROM machine WHERE status = 'approved'")
        return int(row[0]) if row else 0

    def move(
        self,
        subject: Subject,
        old: Profile | None,
        new: Profile | None,
        posture: Posture,
        cause: Cause,
        as_of: datetime,
        judged: Judged,
        ledger: Ledger,
    ) -> tuple[Standing, ...]:
        """Bring one machine's rows from an old profile and posture to new ones.

        No old profile: the machine enters. No new one: it leaves. Rows whose turn is still to come
        in a fleet-wide change are left alone.
        """
        slot = judged.slot_of(subject.number)
        if slot is None:
            return standings(new, posture) if new is not None else ()
        numbers, pending, at = self.policy_numbers_cached(), self._pending, instant(as_of)
        was = standings(old, subject.posture) if old is not None else ()
        now = self._standings_after(old, new, subject.posture, posture, was)
        was_by_key = dict(zip(_keys(old, numbers), was, strict=True))
        now_by_key = dict(zip(_keys(new, numbers), now, strict=True))
        if was_by_key == now_by_key and old == new and subject.posture == posture:
            return now
        for key, standing in was_by_key.items():
            if now_by_key.get(key) == standing:
                continue
            ledger.standing(key, standing, -1)
            if key not in now_by_key:
                pending.gone.append((slot, subject.number, key))
        for key, standing in now_by_key.items():
            previous = was_by_key.get(key)
            if previous == standing:
                continue
            ledger.standing(key, standing, 1)
            columns = standing_columns(standing)
            pending.scores.append((slot, subject.number, key, *columns))
            if previous is None or previous[:3] != standing[:3]:
                change = (
                    subject.number,
                    at,
                    key,
                    *columns[:3],
                    cause.kind,
                    cause.ref,
                    cause.detail,
                )
                pending.changes.append(change)
        ledger.bits(
            effective(old, subject.posture) if old is not None else NOTHING,
            effective(new, posture) if new is not None else NOTHING,
        )
        return now

    def _standings_after(
        self,
        old: Profile | None,
        new: Profile | None,
        before: Posture,
        after: Posture,
        was: tuple[Standing, ...],
    ) -> tuple[Standing, ...]:
        """Standings under the new profile; an exception's start or end moves only what it touches."""
        if new is None:
            return ()
        if old is None or old is new or before != after or old.policies != new.policies:
            return standings(new, after)
        # Profiles are shared by all machines of a kind, and kept while the pair is a key.
        kept = self._shifts.get((id(old), id(new)))
        if kept is None:
            same = old.bare_targets == new.bare_targets
            kept = (old, new, Shift(old, new) if same else None)
            self._shifts[id(old), id(new)] = kept
        return kept[2].apply(after, was) if kept[2] is not None else standings(new, after)

    def policy_numbers_cached(self) -> dict[str, int]:
        """Policy numbers, read once for each transaction and generation."""
        generation = self.in_force().generation
        kept = self._numbers
        if kept is None or kept[0] != generation:
            kept = self._numbers = (generation, self.policy_numbers())
        return kept[1]

    def post(self, ledger: Ledger, slot: int, as_of: datetime) -> None:
        """Write what was moved, add a ledger to the stored counters, and set the day's trend."""
        pending, self._pending = self._pending, _Pending()
        if pending.gone:
            self.db.many(
                "DELETE FROM score WHERE slot = ? AND machine = ? AND policy = ?", pending.gone
            )
        if pending.scores:
            self.db.many(_SAVE_SCORE, pending.scores)
        if pending.changes:
            self.db.many(_ADD_CHANGE, pending.changes)
        for key, row in ledger.totals.items():
            if any(row):
                self.db.run(_ADD_TOTAL, (slot, key, *row))
        for position, columns in ledger.checks.items():
            if any(columns):
                self.db.run(_ADD_CHECK, (slot, position, *columns))
        if self.judged().slot == slot:
            self.set_trend(as_of)

    # -- definitions whose expectation changed

    def _carry_over(self, subject: Subject, carry: Sequence[Carry], as_of: datetime) -> Posture:
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

    # -- fleet-wide changes

    def _begin_fleet_change(
        self,
        judged: Judged,
        cause: Cause,
        as_of: datetime,
        carry: Sequence[Carry],
        *,
        schedules: bool,
    ) -> None:
        slot = 1 - judged.slot
        self.db.run("DELETE FROM total WHERE slot = ?", (slot,))
        self.db.run("DELETE FROM check_total WHERE slot = ?", (slot,))
        self.db.run(
            "INSERT INTO fleet_event (at, cause_kind, cause_ref, cause_detail) VALUES (?, ?, ?, ?)",
            (instant(as_of), cause.kind, cause.ref, cause.detail),
        )
        row = self.db.one("SELECT max(number) FROM fleet_event")
        self.begin_movement(cause, as_of)
        pending = {each.check_id: each for each in (*judged.carry, *carry)}
        self.save_judged(
            replace(
                judged,
                cursor=0,
                event=row[0] if row else None,
                carry=tuple(pending.values()),
                schedules=judged.schedules or schedules,
            )
        )

    def continue_rescoring(self, as_of: datetime) -> bool:
        judged = self.judged()
        if judged.cursor is None:
            return False
        started, left = monotonic(), self.chunk
        ledger = Ledger()
        while left > 0 and (left == self.chunk or monotonic() - started < STEP_SECONDS):
            size = min(left, PORTION)
            left -= size
            subjects = self.subjects(after=judged.cursor or 0, limit=size)
            if not subjects:
                if left + size < self.chunk:
                    break  # what was judged in this step is posted first
                self._finish_fleet_change(judged, as_of)
                return False
            judged = self._rescore(judged, subjects, ledger, as_of)
        self.save_judged(judged)
        self.post(ledger, 1 - judged.slot, as_of)
        return True

    def _rescore(
        self, judged: Judged, subjects: Sequence[Subject], ledger: Ledger, as_of: datetime
    ) -> Judged:
        """Judge a portion into the other slot; only rows that differ are written."""
        slot, first, last = 1 - judged.slot, judged.cursor or 0, subjects[-1].number
        visible = self._score_rows(judged.slot, first, last)
        there = self._score_rows(slot, first, last)
        moment, numbers = self.judged_moment(), self.policy_numbers_cached()
        effects = []
        rows: list[tuple[int | None, ...]] = []
        packed: list[list[int | None]] = []
        for subject in subjects:
            profile = moment.profile(subject.uuid, subject.os, subject.tags)
            posture = (
                self._carry_over(subject, judged.carry, as_of) if judged.carry else subject.posture
            )
            keys = _keys(profile, numbers)
            kept = standings(profile, posture)
            ledger.standings(keys, kept, 1)
            effects.append(effective(profile, posture))
            for key, standing in zip(keys, kept, strict=True):
                columns = standing_columns(standing)
                place = (subject.number, key)
                if there.pop(place, None) != columns:
                    rows.append((slot, *place, *columns))
                before = visible.get(place)
                if before is None or before[:3] != columns[:3]:
                    packed.append([*place, *columns[:3]])
        ledger.many(effects)
        if there:
            gone = [(slot, *place) for place in there]
            self.db.many("DELETE FROM score WHERE slot = ? AND machine = ? AND policy = ?", gone)
        self.db.many(_SAVE_SCORE, rows)
        if packed:
            body = zlib.compress(json.dumps(packed, separators=(",", ":")).encode(), 1)
            self.db.run(
                "INSERT INTO fleet_score (event, first_machine, last_machine, body)"
                " VALUES (?, ?, ?, ?)",
                (judged.event, subjects[0].number, last, body),
            )
        if judged.schedules:
            self.restale(subjects)
        return replace(judged, cursor=last)

    def _score_rows(
        self, slot: int, after: int, last: int
    ) -> dict[tuple[int, int], StandingColumns]:
        """Stored standings of a range of machines, by machine and policy number."""
        rows = self.db.all(
            "SELECT machine, policy, hundredths, risk, compliant, bare_hundredths, bare_risk,"
            " bare_compliant FROM score WHERE slot = ? AND machine > ? AND machine <= ?",
            (slot, after, last),
        )
        return {row[:2]: row[2:] for row in rows}

    def _finish_fleet_change(self, judged: Judged, as_of: datetime) -> None:
        slot = 1 - judged.slot
        self.db.run("DELETE FROM score WHERE slot = ? AND machine > ?", (slot, judged.cursor))
        self.save_judged(
            replace(
                judged,
                slot=slot,
                cursor=None,
                event=None,
                carry=(),
                schedules=False,
                visible_revision=judged.revision,
            )
        )
        self.set_trend(as_of)
        self.end_movement()


def _keys(profile: Profile | None, numbers: dict[str, int]) -> tuple[int, ...]:
    if profile is None:
        return ()
    return (OVERALL, *(numbers[policy] for policy in profile.policies))


_ADD_TOTAL: Final = (
    f"INSERT INTO total (slot, policy, {TOTAL_COLUMNS})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slot, policy) DO UPDATE SET "
    + ", ".join(
        f"{c} = total.{c} + excluded.{c}" for c in TOTAL_COLUMNS.replace(" ", "").split(",")
    )
)
_ADD_CHECK: Final = (
    "INSERT INTO check_total (slot, position, passed, failed, errored, exempted)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (slot, position) DO UPDATE SET"
    " passed = check_total.passed + excluded.passed, failed = check_total.failed + excluded.failed,"
    " errored = check_total.errored + excluded.errored,"
    " exempted = check_total.exempted + excluded.exempted"
)
_ADD_CHANGE: Final = (
    "INSERT INTO score_change (machine, at, policy, hundredths, risk, compliant,"
    " cause_kind, cause_ref, cause_detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SAVE_SCORE: Final = (
    "INSERT INTO score (slot, machine, policy, hundredths, risk, compliant,"
    " bare_hundredths, bare_risk, bare_compliant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (slot, machine, policy) DO UPDATE SET hundredths = excluded.hundredths,"
    " risk = excluded.risk, compliant = excluded.compliant,"
    " bare_hundredths = excluded.bare_hundredths, bare_risk = excluded.bare_risk,"
    " bare_compliant = excluded.bare_compliant"
)
