"""Changes of the judgement that concern many machines.

They are judged in chunks, into the other of two sets of score rows (slots); readers keep seeing the old
set, whole, until the new one is complete and a single row flips. So nobody ever reads a mix
(docs/adr/0004).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from time import monotonic
from typing import Final

import msgspec

from controller.failpoints import reached
from controller.scoring.carry import Carry
from controller.scoring.ledger import Ledger, effective
from controller.scoring.many import FEW, score_many
from controller.scoring.rulebook import kinds
from controller.store.carrying import Carrying
from controller.store.columns import instant, postures_of, tags_of
from controller.store.context import Judged
from controller.store.driver import Record
from controller.store.machine_list import WALKED
from controller.store.port.fleet import Cause
from controller.store.portion import PLACE, SHOWN, WHOLE, Portion
from controller.store.score_rows import ScoreRows, keys_of
from controller.store.staleness import Subject

CHUNK: Final = 10_000
"""How many machines one step of a fleet-wide change takes at most."""
PORTION: Final = 1_000
"""How many are judged in a step before the first look at the clock."""
_LEAST: Final = 200
_MOST: Final = 5_000
"""Bounds of each portion after it."""
_SURE: Final = 0.85
"""How much of the time left a portion is made to take."""
STEP_SECONDS: Final = 0.12
"""A step has no portion that would probably take it beyond this; it bounds how long writers wait."""
LONGEST_SECONDS: Final = 0.25
"""How long a step goes on while nobody else wants to write.

Longer steps are cheaper: each writes anew the pages of the index of scores that it touches, nearly all.
"""
_SPELL: Final = 0.05
"""For how long it goes on before it looks again whether anybody does."""


class FleetChange(ScoreRows, Carrying):
    """Fleet-wide changes, from their beginning to the flip."""

    chunk = CHUNK

    def subjects(
        self, numbers: Iterable[int] | None = None, after: int = 0, limit: int = -1
    ) -> list[Subject]:
        """Approved machines with their postures: the given ones, or all in order after a number."""
        query = (
            "SELECT m.number, m.uuid, m.os, m.tags, p.passed, p.failed, p.errored, p.not_applicable"  # noqa: S608
            f" FROM machine m JOIN posture p ON p.machine = m.number WHERE {WALKED}"
        )
        if numbers is not None:
            rows = [row for n in numbers if (row := self.db.one(f"{query} AND m.number = ?", (n,)))]
        else:
            rows = self.db.all(
                f"{query} AND m.number > ? ORDER BY m.number LIMIT ?", (after, limit)
            )
        return _subjects_of(rows)

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
        begun = judged = self.judged()
        if judged.cursor is None:
            return False
        ledger = Ledger()
        for size in _portions(self.chunk, self.db.wanted):
            subjects = self.subjects(after=judged.cursor or 0, limit=size)
            if not subjects and judged is begun:
                self._finish_fleet_change(judged, as_of)
                return False
            if not subjects:
                break  # what was judged in this step is posted first
            if judged.carry:
                subjects = [
                    each._replace(posture=self.carried(each, judged.carry, as_of))
                    for each in subjects
                ]
            self._rescore(judged, subjects, ledger)
            if judged.schedules:
                self.restale(subjects)
            judged = replace(judged, cursor=subjects[-1].number)
            reached("after_portion")
        self.save_judged(judged)
        self.post(ledger, 1 - judged.slot, as_of)
        reached("inside_step")
        return True

    def _rescore(self, judged: Judged, subjects: Sequence[Subject], ledger: Ledger) -> None:
        """Judge a portion into the other slot."""
        moment, numbers = self.judged_moment(), self.policy_numbers_cached()
        portion = self._portion(judged, subjects[-1].number)
        lone = []
        for (profile,), machines in kinds(subjects, moment):
            postures = [each.posture for each in machines]
            places = [each.number for each in machines]
            columns = score_many(profile, postures)
            for key, pair in zip(keys_of(profile, numbers), columns, strict=True):
                ledger.columns(key, pair, 1)
                portion.take(places, key, pair)
            if len(machines) < FEW:
                lone += [effective(profile, posture) for posture in postures]
            else:
                ledger.kind(profile, postures)
        ledger.many(lone)
        self._save_portion(judged, subjects[-1].number, portion)

    def _portion(self, judged: Judged, last: int) -> Portion:
        """What is stored of the machines up to a number."""
        source = "FROM score WHERE slot = ? AND machine > ? AND machine <= ?"
        slot, first = 1 - judged.slot, judged.cursor or 0
        there = self.db.columns((PLACE, WHOLE), source, (slot, first, last))
        seen = self.db.columns((PLACE, SHOWN), source, (judged.slot, first, last))
        return Portion(slot, zip(*there, strict=True), zip(*seen, strict=True))

    def _save_portion(self, judged: Judged, last: int, portion: Portion) -> None:
        """Write the rows that differ from what is there, and what readers will come to see change."""
        self.remove_scores(portion.gone())
        self.save_scores(sorted(portion.new, key=itemgetter(1, 2)))
        self.replace_scores(portion.changed)
        if portion.moved:
            body = zlib.compress(msgspec.json.encode(portion.moved), 1)
            self.db.run(
                "INSERT INTO fleet_score (event, first_machine, last_machine, body)"
                " VALUES (?, ?, ?, ?)",
                (judged.event, (judged.cursor or 0) + 1, last, body),
            )

    def _finish_fleet_change(self, judged: Judged, as_of: datetime) -> None:
        reached("before_switch")
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
        reached("inside_switch")


def _subjects_of(rows: Sequence[Record]) -> list[Subject]:
    """Machines with their postures, from rows."""
    if not rows:
        return []
    numbers, uuids, systems, tags, *bits = zip(*rows, strict=True)
    made = zip(numbers, uuids, systems, map(tags_of, tags), postures_of(*bits), strict=True)
    return list(map(_subject, made))


_subject: Final = partial(tuple.__new__, Subject)


def _portions(machines: int, wanted: Callable[[], bool]) -> Iterator[int]:
    """How many machines to judge, portion by portion, until a step is over.

    The first portion tells how long a machine takes, and so how many there is time for: machines of
    one kind are judged at the lower price the more they are.
    """
    begun = monotonic()
    ends, size = begun + STEP_SECONDS, min(machines, PORTION)
    while size:
        began = monotonic()
        yield size
        machines -= size
        now = monotonic()
        a_second = _SURE * size / (now - began)
        room = int(a_second * (ends - now))
        if room < _LEAST and not wanted():
            room = int(a_second * min(_SPELL, begun + LONGEST_SECONDS - now))
        size = min(machines, room, _MOST) if room >= _LEAST else 0
