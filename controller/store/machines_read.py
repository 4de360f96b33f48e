"""Machines: lists, one machine's state, and what scheduling needs to know of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.posture import Posture
from controller.model.report import Evidence
from controller.model.terms import RISK_NUMBER, EnrollmentStatus
from controller.scoring.ledger import OVERALL
from controller.store.columns import (
    bits_of,
    flag,
    instant,
    moment_of,
    optional_moment,
    posture_of,
    standing_of,
    unpack_times,
)
from controller.store.driver import Record, Value
from controller.store.evidence_rows import EvidenceReading
from controller.store.interface import (
    CheckTimes,
    Duty,
    MachineQuery,
    MachineRow,
    MachineState,
    Page,
    Run,
)
from controller.store.objects_read import ObjectsReading

_MACHINE: Final = (
    "m.number, m.uuid, m.hostname, m.os, m.arch, m.os_version, m.agent_version, m.tags, m.status,"
    " m.created_at, m.approved_at, m.approved_by, c.last_seen, c.reported_at"
)
_FROM: Final = " FROM machine m JOIN contact c ON c.machine = m.number"
_ORDER: Final = {
    "hostname": "m.hostname",
    "score": "s.hundredths",
    "risk_level": "s.risk",
    "last_seen": "c.last_seen",
    "os": "m.os",
    "created_at": "m.created_at",
}


@lru_cache(maxsize=4096)
def _tags(column: str) -> tuple[str, ...]:
    """Many machines have the same few: none of them is parsed twice."""
    return tuple(json.loads(column))


def machine_of(row: Record) -> Machine:
    """A machine from its row, in the order of ``_MACHINE``."""
    return Machine(
        number=row[0],
        uuid=row[1],
        hostname=row[2],
        os=row[3],
        arch=row[4],
        os_version=row[5],
        agent_version=row[6],
        tags=_tags(row[7]),
        status=row[8],
        created_at=moment_of(row[9]),
        approved_at=optional_moment(row[10]),
        approved_by=row[11],
        last_seen=optional_moment(row[12]),
        reported_at=optional_moment(row[13]),
    )


def _machine_row(row: Record, now: int) -> MachineRow:
    return MachineRow(
        machine_of(row[:14]),
        standing_of(row[15:21]) if row[16] is not None else None,
        row[14] is not None and row[14] <= now,
    )


class MachinesReading(ObjectsReading, EvidenceReading):
    """Reads of machines."""

    def machine(self, uuid: str) -> Machine | None:
        row = self.db.one(f"SELECT {_MACHINE}{_FROM} WHERE m.uuid = ?", (uuid,))
        return machine_of(row) if row else None

    def machine_state(self, uuid: str, as_of: datetime) -> MachineState | None:
        row = self.db.one(
            f"SELECT {_MACHINE}, c.stale_at, p.passed, p.failed, p.errored, p.not_applicable, p.times"
            f"{_FROM} LEFT JOIN posture p ON p.machine = m.number WHERE m.uuid = ?",
            (uuid,),
        )
        if row is None:
            return None
        times = unpack_times(row[19]) if row[19] else {}
        return MachineState(
            machine=machine_of(row[:14]),
            posture=posture_of(row[15:19]) if row[15] is not None else Posture(),
            times={
                position: CheckTimes(
                    moment_of(each.since * 1_000_000),
                    moment_of(each.first_failed * 1_000_000) if each.first_failed else None,
                )
                for position, each in times.items()
            },
            stale=row[14] is not None and row[14] <= instant(as_of),
        )

    def evidence(self, uuid: str) -> Mapping[str, Evidence]:
        row = self.db.one("SELECT number FROM machine WHERE uuid = ?", (uuid,))
        return self.stored_evidence(row[0]) if row else {}

    def machines(self, query: MachineQuery, as_of: datetime) -> Page[MachineRow]:
        key = OVERALL
        if query.policy_id is not None:
            number = self.policy_numbers().get(query.policy_id)
            if number is None:
                return Page((), 0)
            key = number
        where, values = _conditions(query, as_of)
        if query.failing is not None:
            position = self.in_force().rulebook.positions.get(query.failing)
            if position is None:
                return Page((), 0)
            clause, bytes_ = _failing(position)
            where, values = (
                f"{where} AND {clause}" if where else f" WHERE {clause}",
                values + bytes_,
            )
        slot = self.judged().slot
        order = _order_by(query)
        counted, fixed = _tables(where, slot, key, inner=query.policy_id is not None)
        total = self.db.one(f"SELECT count(*){counted}{where}", [*fixed, *values])
        # Only the page's own rows are fetched whole; what is sorted are numbers.
        chosen, fixed_chosen = _tables(where + order, slot, key, inner=query.policy_id is not None)
        every, fixed_every = _tables("c. s.", slot, key, inner=False)
        offset = (query.page - 1) * query.per_page
        window: list[Value] = [query.per_page, offset]
        numbers = f"SELECT m.number{chosen}{where}{order} LIMIT ? OFFSET ?"
        chosen_values: list[Value] = [*fixed_chosen, *values, *window]
        last = offset + query.per_page
        if query.sort_by == "score" and not where and last <= self._scored(key):
            numbers, chosen_values = _by_score(descending=query.descending), [slot, key, *window]
        rows = self.db.all(
            f"SELECT {_MACHINE}, c.stale_at, s.hundredths, s.risk, s.compliant,"
            f" s.bare_hundredths, s.bare_risk, s.bare_compliant{every}"
            f" WHERE m.number IN ({numbers}){order}",
            [*fixed_every, *chosen_values],
        )
        now = instant(as_of)
        items = tuple(_machine_row(row, now) for row in rows)
        return Page(items, total[0] if total else 0)

    def _scored(self, key: int) -> int:
        """How many machines have a score, overall or under a policy."""
        row = self.db.one(
            "SELECT assessed FROM total WHERE slot = ? AND policy = ?", (self.judged().slot, key)
        )
        return int(row[0]) if row else 0

    def lowest_scores(self, limit: int, as_of: datetime) -> Sequence[MachineRow]:
        rows = self.db.all(
            f"SELECT {_MACHINE}, c.stale_at, s.hundredths, s.risk, s.compliant,"  # noqa: S608
            " s.bare_hundredths, s.bare_risk, s.bare_compliant"
            " FROM score s JOIN machine m ON m.number = s.machine"
            " JOIN contact c ON c.machine = s.machine"
            " WHERE s.slot = ? AND s.policy = ? AND s.hundredths IS NOT NULL"
            " ORDER BY s.hundredths, s.machine LIMIT ?",
            (self.judged().slot, OVERALL, limit),
        )
        return [_machine_row(row, instant(as_of)) for row in rows]

    def every_machine(self, after: int = 0, limit: int = 1000) -> Sequence[tuple[Machine, Posture]]:
        rows = self.db.all(
            f"SELECT {_MACHINE}, p.passed, p.failed, p.errored, p.not_applicable{_FROM}"
            " JOIN posture p ON p.machine = m.number"
            " WHERE m.status = 'approved' AND m.number > ? ORDER BY m.number LIMIT ?",
            (after, limit),
        )
        return [(machine_of(row[:14]), posture_of(row[14:18])) for row in rows]

    def enrollment_status(self, uuid: str, token_hash: str) -> EnrollmentStatus | None:
        row = self.db.one(
            "SELECT m.status, t.pending FROM machine m JOIN machine_token t ON t.machine = m.number"
            " WHERE m.uuid = ? AND t.hash = ?",
            (uuid, token_hash),
        )
        if row is None:
            return None
        status: EnrollmentStatus = row[0]
        return "pending" if row[1] and status != "rejected" else status

    def duty(self, uuid: str) -> Duty | None:
        row = self.db.one(
            f"SELECT {_MACHINE}, c.evaluated, c.run_id, c.run_issued_at, c.run_policies, c.run_asked"
            f"{_FROM} WHERE m.uuid = ? AND m.status = 'approved'",
            (uuid,),
        )
        if row is None:
            return None
        machine = machine_of(row[:14])
        evaluated: dict[str, int] = json.loads(row[14])
        executed = self.db.all(
            "SELECT policy, max(requested_at) FROM execution WHERE machine IN (0, ?) GROUP BY policy",
            (machine.number,),
        )
        run = None
        if row[15] is not None:
            run = Run(row[15], moment_of(row[16]), tuple(json.loads(row[17])), bits_of(row[18]))
        return Duty(
            machine=machine,
            evaluated={id_: moment_of(at) for id_, at in evaluated.items()},
            executed={id_: moment_of(at) for id_, at in executed},
            run=run,
        )

    def matching_machines(self, waiver: Waiver) -> int:
        sql, values = "SELECT count(*) FROM machine WHERE status = 'approved'", []
        match waiver.scope:
            case "agent":
                marks = ", ".join("?" * len(waiver.agents))
                sql, values = f"{sql} AND uuid IN ({marks})", list(waiver.agents)
            case "tag":
                sql += " AND number IN (SELECT machine FROM machine_tag WHERE tag = ?)"
                values = [waiver.tag or ""]
            case "policy":
                sql = "SELECT coalesce(sum(agents), 0) FROM total WHERE slot = ? AND policy = ?"
                number = self.policy_numbers().get(waiver.policy_id or "", -1)
                return int((self.db.one(sql, (self.judged().slot, number)) or (0,))[0])
            case "global":
                pass
        row = self.db.one(sql, values)
        return int(row[0]) if row else 0


def _tables(used: str, slot: int, key: int, *, inner: bool) -> tuple[str, list[Value]]:
    """The FROM clause with the tables that a clause names, and the values of its parameters."""
    clause, values = " FROM machine m", list[Value]()
    if "c." in used:
        clause += " JOIN contact c ON c.machine = m.number"
    if "s." in used or inner:
        join = "JOIN" if inner else "LEFT JOIN"
        clause += f" {join} score s ON s.slot = ? AND s.machine = m.number AND s.policy = ?"
        values = [slot, key]
    return clause, values


def _order_by(query: MachineQuery) -> str:
    """The ORDER BY clause; the machine's number settles ties."""
    order = _ORDER[query.sort_by]
    # NULL scores last in both directions: what was not assessed is not at the top of any list.
    nulls = f"{order} IS NULL, " if query.sort_by in {"score", "risk_level", "last_seen"} else ""
    direction = "DESC" if query.descending else "ASC"
    return f" ORDER BY {nulls}{order} {direction}, m.number {direction}"


def _by_score(*, descending: bool) -> str:
    """Numbers of the machines that have a score, straight from the index."""
    direction = "DESC" if descending else "ASC"
    return (
        "SELECT s.machine FROM score s WHERE s.slot = ? AND s.policy = ?"  # noqa: S608
        f" AND s.hundredths IS NOT NULL ORDER BY s.hundredths {direction}, s.machine {direction}"
        " LIMIT ? OFFSET ?"
    )


def _failing(position: int) -> tuple[str, list[Value]]:
    """That one bit of the failed bitmap is set, as a set of byte values: both databases know that."""
    index, bit = divmod(position, 8)
    wanted: list[Value] = [bytes([value]) for value in range(256) if value >> bit & 1]
    marks = ", ".join("?" * len(wanted))
    clause = (
        "m.number IN (SELECT machine FROM posture"  # noqa: S608
        f" WHERE substr(failed, {index + 1}, 1) IN ({marks}))"
    )
    return clause, wanted


def _conditions(query: MachineQuery, as_of: datetime) -> tuple[str, list[Value]]:
    """The WHERE clause; every value is a parameter, every name is from this file."""
    parts: list[tuple[str, tuple[Any, ...]]] = []
    if query.search:
        pattern = (
            "%" + query.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        )
        parts.append(
            (
                "(lower(m.hostname) LIKE lower(?) ESCAPE '\\' OR m.uuid LIKE lower(?) ESCAPE '\\')",
                (pattern, pattern),
            )
        )
    if query.risk is not None:
        parts.append(("s.risk = ?", (RISK_NUMBER[query.risk],)))
    if query.compliant is not None:
        parts.append(("s.compliant = ?", (flag(query.compliant),)))
    if query.assessed is not None:
        parts.append((f"s.hundredths IS {'NOT ' if query.assessed else ''}NULL", ()))
    if query.os is not None:
        parts.append(("m.os = ?", (query.os,)))
    if query.tag is not None:
        parts.append(("m.number IN (SELECT machine FROM machine_tag WHERE tag = ?)", (query.tag,)))
    if query.stale is not None:
        now = instant(as_of)
        if query.stale:
            parts.append(("c.stale_at <= ?", (now,)))
        else:
            parts.append(("(c.stale_at IS NULL OR c.stale_at > ?)", (now,)))
    if query.status is not None:
        parts.append(("m.status = ?", (query.status,)))
    if not parts:
        return "", []
    clause = " WHERE " + " AND ".join(text for text, _ in parts)
    return clause, [value for _, values in parts for value in values]
