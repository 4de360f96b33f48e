"""Machines: lists, one machine's state, and what scheduling needs to know of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.posture import Posture
from controller.model.report import Evidence
from controller.model.terms import EnrollmentStatus
from controller.scoring.ledger import OVERALL
from controller.store.columns import (
    bits_of,
    instant,
    moment_of,
    posture_of,
)
from controller.store.evidence_rows import EvidenceReading
from controller.store.machine_list import (
    MACHINE,
    MACHINE_FROM,
    WALKED,
    MachineListReading,
    machine_of,
    machine_row,
)
from controller.store.outcome_times import OutcomeTimes
from controller.store.port.machines import CheckTimes, Duty, MachineRow, MachineState, Run


class MachinesReading(MachineListReading, EvidenceReading, OutcomeTimes):
    """Reads of machines."""

    def machine(self, uuid: str) -> Machine | None:
        row = self.db.one(f"SELECT {MACHINE}{MACHINE_FROM} WHERE m.uuid = ?", (uuid,))
        return machine_of(row) if row else None

    def machine_state(self, uuid: str, as_of: datetime) -> MachineState | None:
        row = self.db.one(
            f"SELECT {MACHINE}, c.stale_at, p.passed, p.failed, p.errored, p.not_applicable"
            f"{MACHINE_FROM} LEFT JOIN posture p ON p.machine = m.number WHERE m.uuid = ?",
            (uuid,),
        )
        if row is None:
            return None
        return MachineState(
            machine=machine_of(row[:14]),
            posture=posture_of(row[15:19]) if row[15] is not None else Posture(),
            times={
                position: CheckTimes(
                    moment_of(each.since * 1_000_000),
                    moment_of(each.first_failed * 1_000_000) if each.first_failed else None,
                )
                for position, each in self.times_of(row[0]).items()
            },
            stale=row[14] is not None and row[14] <= instant(as_of),
        )

    def evidence(self, uuid: str) -> Mapping[str, Evidence]:
        row = self.db.one("SELECT number FROM machine WHERE uuid = ?", (uuid,))
        return self.stored_evidence(row[0]) if row else {}

    def lowest_scores(self, limit: int, as_of: datetime) -> Sequence[MachineRow]:
        rows = self.db.all(
            f"SELECT {MACHINE}, c.stale_at, s.hundredths, s.risk, s.compliant,"  # noqa: S608
            " s.bare_hundredths, s.bare_risk, s.bare_compliant"
            " FROM score s JOIN machine m ON m.number = s.machine"
            " JOIN contact c ON c.machine = s.machine"
            " WHERE s.slot = ? AND s.policy = ? AND s.hundredths IS NOT NULL"
            " ORDER BY s.hundredths, s.machine LIMIT ?",
            (self.judged().slot, OVERALL, limit),
        )
        return [machine_row(row, instant(as_of)) for row in rows]

    def every_machine(self, after: int = 0, limit: int = 1000) -> Sequence[tuple[Machine, Posture]]:
        rows = self.db.all(
            f"SELECT {MACHINE}, p.passed, p.failed, p.errored, p.not_applicable{MACHINE_FROM}"
            " JOIN posture p ON p.machine = m.number"
            f" WHERE {WALKED} AND m.number > ? ORDER BY m.number LIMIT ?",
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
            f"SELECT {MACHINE}, c.evaluated, c.run_id, c.run_issued_at, c.run_policies, c.run_asked"
            f"{MACHINE_FROM} WHERE m.uuid = ? AND m.status = 'approved'",
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
