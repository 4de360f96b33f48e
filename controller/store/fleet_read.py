"""The fleet in sums and in time: counters, trend, histories."""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

import msgspec

from controller.model.terms import RISK_LEVELS
from controller.scoring.ledger import OVERALL
from controller.store.columns import instant, moment_of, truth
from controller.store.driver import Record
from controller.store.movements import TOTAL_COLUMNS
from controller.store.objects_read import ObjectsReading
from controller.store.port.fleet import (
    Cause,
    CheckTotals,
    FleetTotals,
    Movement,
    OutcomeChange,
    ScoreChange,
    Totals,
    TrendPoint,
)


def totals_of(row: Sequence[int]) -> Totals:
    """Sums from their columns, in the order of ``TOTAL_COLUMNS``."""
    agents, assessed, compliant, score_sum, bare_assessed, bare_compliant, bare_sum, *risk = row
    return Totals(
        agents=agents,
        assessed=assessed,
        compliant=compliant,
        score_sum=score_sum,
        bare_assessed=bare_assessed,
        bare_compliant=bare_compliant,
        bare_score_sum=bare_sum,
        risk=dict(zip(RISK_LEVELS, risk, strict=True)),
    )


def _movement(row: Record) -> Movement:
    at, kind, ref, detail, before, after = row
    return Movement(
        at=moment_of(at),
        cause=Cause(kind, ref, detail),
        before=totals_of(json.loads(before)),
        after=totals_of(json.loads(after)) if after is not None else None,
    )


_CHUNK_OF_EACH_EVENT: Final = (
    " FROM fleet_event e JOIN fleet_score s ON s.event = e.number AND s.first_machine ="
    " (SELECT max(c.first_machine) FROM fleet_score c"
    " WHERE c.event = e.number AND c.first_machine <= ?) WHERE s.last_machine >= ?"
)
"""The one chunk of every fleet-wide change that a machine's number, given twice, would be in."""
_MOST_EVENTS: Final = 12


def _packed(body: bytes, number: int, key: int) -> Iterator[tuple[Any, ...]]:
    """What a chunk says of one machine under one policy."""
    for first, second, *values in msgspec.json.decode(zlib.decompress(body)):
        if isinstance(second, int):  # before it was kept by column: a machine, a policy
            if first == number and second == key:
                yield tuple(values)
        elif first == key:
            place = bisect_left(second, number)
            if second[place : place + 1] == [number]:
                yield tuple(column[place] for column in values)


def _moved(key: int) -> str:
    """What the JSON of moved scores is like when this one is among them."""
    return f"%[{key},%"


def _score(scores: str, key: int) -> tuple[Any, ...]:
    """One of the moved scores of a change that has it: hundredths, risk, compliant."""
    return next(tuple(values) for policy, *values in msgspec.json.decode(scores) if policy == key)


class FleetReading(ObjectsReading):
    """Reads of sums and histories."""

    def fleet_totals(self, as_of: datetime) -> FleetTotals:
        return replace(self._kept_totals(), stale=self.stale_machines(as_of))

    def _kept_totals(self) -> FleetTotals:
        """The counters, all but what time alone moves; read once for each change of the store."""
        if not self.snapshot:
            return self._read_totals()
        change = self.change()
        kept = self.cache.totals
        if kept is None or kept[0] != change:
            kept = self.cache.totals = (change, self._read_totals())
        return kept[1]

    def _read_totals(self) -> FleetTotals:
        judged = self.judged()
        rows = self.db.all(
            f"SELECT policy, {TOTAL_COLUMNS} FROM total WHERE slot = ?",  # noqa: S608
            (judged.slot,),
        )
        by_number = {row[0]: totals_of(row[1:]) for row in rows}
        checks = {
            check_id: CheckTotals(*columns)
            for check_id, *columns in self.db.all(
                "SELECT d.check_id, t.passed, t.failed, t.errored, t.exempted FROM check_total t"
                " JOIN definition d ON d.position = t.position WHERE t.slot = ?"
                " AND (t.passed <> 0 OR t.failed <> 0 OR t.errored <> 0 OR t.exempted <> 0)",
                (judged.slot,),
            )
        }
        in_force = self.in_force()
        numbers = self.policy_numbers()
        return FleetTotals(
            revision=judged.visible_revision,
            overall=by_number.get(OVERALL, totals_of([0] * 12)),
            policies={
                id_: by_number.get(numbers[id_], totals_of([0] * 12)) for id_ in in_force.policies
            },
            checks={id_: each for id_, each in checks.items() if id_ in in_force.checks},
            stale=0,
            as_of=self._changed_at(),
        )

    def stale_machines(self, as_of: datetime) -> int:
        row = self.db.one(
            # Entries of the index alone; machines that are not approved have none.
            "SELECT count(*) FROM contact WHERE stale_at <= ?",
            (instant(as_of),),
        )
        return int(row[0]) if row else 0

    def _changed_at(self) -> datetime:
        """When the counters last changed: the newest report, or the newest change of judgement."""
        return moment_of(max(self.judged().changed_at, self.counter("reported")))

    def reported_since(self, since: datetime, most: int) -> int | None:
        have = self._counted("reported_at >= ?", since, most)
        if have < most:
            return have
        lack = self._counted("reported_at < ?", since, most)
        never = self.db.one(
            "SELECT count(*) FROM (SELECT 1 FROM contact WHERE reported_at IS NULL LIMIT ?)",
            (most,),
        )
        lack += int(never[0]) if never else 0
        total = self.db.one(
            "SELECT agents FROM total WHERE slot = ? AND policy = ?", (self.judged().slot, OVERALL)
        )
        return max(0, int(total[0]) - lack) if total and lack < most else None

    def _counted(self, condition: str, since: datetime, most: int) -> int:
        row = self.db.one(
            f"SELECT count(*) FROM (SELECT 1 FROM contact WHERE {condition} LIMIT ?)",  # noqa: S608
            (instant(since), most),
        )
        return int(row[0]) if row else 0

    def trend(self, since: date) -> Sequence[TrendPoint]:
        rows = self.db.all(
            "SELECT day, body FROM trend WHERE day >= ? ORDER BY day", (since.isoformat(),)
        )
        return [
            TrendPoint(date.fromisoformat(day), totals_of(json.loads(body))) for day, body in rows
        ]

    def movements(
        self, since: datetime, kind: str | None = None, limit: int = 200
    ) -> Sequence[Movement]:
        rows = self.db.all(
            "SELECT at, cause_kind, cause_ref, cause_detail, before, after FROM movement"
            " WHERE at >= ? AND (? IS NULL OR cause_kind = ?) ORDER BY number DESC LIMIT ?",
            (instant(since), kind, kind, limit),
        )
        return [_movement(row) for row in reversed(rows)]

    def movements_of(self, refs: Sequence[str]) -> Mapping[str, Movement]:
        marks = ", ".join("?" * len(refs))
        rows = self.db.all(
            "SELECT at, cause_kind, cause_ref, cause_detail, before, after FROM movement"  # noqa: S608
            f" WHERE cause_ref IN ({marks}) ORDER BY number",
            list(refs),
        )
        return {row[2]: _movement(row) for row in rows}

    def score_history(
        self, uuid: str, since: datetime, policy_id: str | None
    ) -> Sequence[ScoreChange]:
        row = self.db.one("SELECT number FROM machine WHERE uuid = ?", (uuid,))
        key = OVERALL if policy_id is None else self.policy_numbers().get(policy_id)
        if row is None or key is None:
            return []
        # At one and the same instant an exception flips first, and what arrives then is judged by it.
        points = self._fleet_changes(row[0], key) + self._own_changes(row[0], key)
        points.sort(key=lambda point: point[0])
        found: list[ScoreChange] = []
        previous: tuple[Any, ...] | None = None
        for at, values, cause in points:
            if values != previous:
                hundredths, risk, compliant = values
                found.append(
                    ScoreChange(
                        moment_of(at),
                        policy_id,
                        hundredths,
                        RISK_LEVELS[risk],
                        truth(compliant),
                        cause,
                    )
                )
            previous = values
        return [point for point in found if point.at >= since]

    def _own_changes(self, number: int, key: int) -> list[tuple[int, tuple[Any, ...], Cause]]:
        rows = self.db.all(
            "SELECT at, scores, cause_kind, cause_ref, cause_detail FROM machine_change"
            " WHERE machine = ? AND scores LIKE ? ORDER BY at, number",
            (number, _moved(key)),
        )
        return [(at, _score(scores, key), Cause(*cause)) for at, scores, *cause in rows]

    def _fleet_changes(self, number: int, key: int) -> list[tuple[int, tuple[Any, ...], Cause]]:
        """What fleet-wide changes did to one machine, out of their packed chunks."""
        rows = self.db.all(
            f"SELECT e.at, s.body, e.cause_kind, e.cause_ref, e.cause_detail{_CHUNK_OF_EACH_EVENT}",
            (number, number),
        )
        return [
            (at, values, Cause(*cause))
            for at, body, *cause in rows
            for values in _packed(body, number, key)
        ]

    def overall_before(self, number: int, at: datetime) -> int | None:
        own = self.db.one(
            "SELECT at, scores FROM machine_change WHERE machine = ? AND at <= ? AND scores LIKE ?"
            " ORDER BY at DESC, number DESC LIMIT 1",
            (number, instant(at), _moved(OVERALL)),
        )
        since: int = own[0] if own else -1
        hundredths: int | None = _score(own[1], OVERALL)[0] if own else None
        # Chunks are read from the newest back, and only until one has the machine.
        rows = self.db.all(
            f"SELECT e.at, s.body{_CHUNK_OF_EACH_EVENT} AND e.at > ? AND e.at <= ?"
            " ORDER BY e.number DESC LIMIT ?",
            (number, number, since, instant(at), _MOST_EVENTS),
        )
        for _, body in rows:
            for values in _packed(body, number, OVERALL):
                found: int | None = values[0]
                return found
        return hundredths

    def outcome_history(self, uuid: str, since: datetime) -> Sequence[OutcomeChange]:
        rows = self.db.all(
            "SELECT c.at, c.outcomes FROM machine_change c JOIN machine m ON m.number = c.machine"
            " WHERE m.uuid = ? AND c.at >= ? AND c.outcomes <> '[]' ORDER BY c.at, c.number",
            (uuid, instant(since)),
        )
        ids: dict[int, str] = dict(self.db.all("SELECT position, check_id FROM definition"))
        found = [
            (at, ids[position], before, after)
            for at, outcomes in rows
            for position, before, after in msgspec.json.decode(outcomes)
            if position in ids
        ]
        found.sort(key=lambda change: change[:2])
        return [OutcomeChange(moment_of(at), *change) for at, *change in found]
