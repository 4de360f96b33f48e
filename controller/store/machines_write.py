"""Enrolment, approval, tags, runs and removal of machines."""

from __future__ import annotations

import json
import uuid as uuids
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from controller.errors import ConflictError, NotFoundError, UnauthenticatedError
from controller.model.machine import Machine
from controller.model.posture import Posture
from controller.scoring.ledger import Ledger
from controller.store.audit import AuditWriting
from controller.store.columns import bitmap, instant, posture_of
from controller.store.machines_read import MachinesReading
from controller.store.port.fleet import Cause
from controller.store.port.machines import Claim, Run
from controller.store.rescoring import Rescoring
from controller.store.staleness import Subject


class MachinesWriting(Rescoring, MachinesReading, AuditWriting):
    """Writes of machines."""

    def enroll(
        self,
        claim: Claim,
        key_hash: str,
        new_token_hash: str,
        as_of: datetime,
        existing: tuple[str, str] | None = None,
    ) -> Machine:
        tags = self._use_key(key_hash, as_of)
        known = self.machine(existing[0]) if existing else None
        if known is not None and existing is not None:
            return self._take_up_again(known, claim, existing[1], new_token_hash, as_of)
        uuid = str(uuids.uuid4())
        now = instant(as_of)
        self.db.run(
            "INSERT INTO machine (uuid, hostname, os, arch, os_version, agent_version, tags, status,"
            " created_at, approved_at, approved_by) VALUES (?, ?, ?, ?, ?, ?, ?, 'approved', ?, ?, ?)",
            (
                uuid,
                claim.hostname,
                claim.os,
                claim.arch,
                claim.os_version,
                claim.agent_version,
                json.dumps(tags),
                now,
                now,
                "enrollment key",
            ),
        )
        row = self.db.one("SELECT number FROM machine WHERE uuid = ?", (uuid,))
        if row is None:
            raise ConflictError("the machine did not arrive in the store")
        number = int(row[0])
        self.db.run("INSERT INTO contact (machine, last_seen) VALUES (?, ?)", (number, now))
        self.db.run(
            "INSERT INTO machine_token (hash, machine, pending) VALUES (?, ?, 0)",
            (new_token_hash, number),
        )
        self._save_tags(number, tags)
        self.save_posture(number, Posture())
        self._enter(number, "enrollment", uuid, as_of)
        self.add_audit(f"agent:{uuid}", "enroll", f"machine/{uuid}", as_of, detail={"tags": tags})
        return self._known(uuid)

    def _use_key(self, key_hash: str, as_of: datetime) -> list[str]:
        row = self.db.one(
            "SELECT id, tags, uses_left FROM enrollment_key WHERE hash = ? AND revoked_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > ?) AND (uses_left IS NULL OR uses_left > 0)",
            (key_hash, instant(as_of)),
        )
        if row is None:
            raise UnauthenticatedError(
                "the enrolment key is unknown, expired, used up or revoked; ask an administrator for one"
            )
        self.db.run(
            "UPDATE enrollment_key SET uses_left = uses_left - 1"
            " WHERE id = ? AND uses_left IS NOT NULL",
            (row[0],),
        )
        tags: list[str] = json.loads(row[1])
        return tags

    def _take_up_again(
        self, machine: Machine, claim: Claim, old_hash: str, new_hash: str, as_of: datetime
    ) -> Machine:
        """Re-enrol a known machine: at once with its old token, else when a person approves."""
        proof = self.db.one(
            "SELECT 1 FROM machine_token WHERE hash = ? AND machine = ? AND pending = 0",
            (old_hash, machine.number),
        )
        if proof is None or machine.status != "approved":
            # One claimant at a time, so that a stolen uuid cannot fill the table.
            self.db.run(
                "DELETE FROM machine_token WHERE machine = ? AND pending = 1", (machine.number,)
            )
            self._add_token(machine.number, new_hash, pending=1)
            self.add_audit(f"agent:{machine.uuid}", "claim", f"machine/{machine.uuid}", as_of)
            return replace(self._known(machine.uuid), status="pending")
        self.db.run("DELETE FROM machine_token WHERE machine = ?", (machine.number,))
        self._add_token(machine.number, new_hash, pending=0)
        self.db.run(
            "UPDATE machine SET hostname = ?, arch = ?, os_version = ?, agent_version = ?"
            " WHERE number = ?",
            (claim.hostname, claim.arch, claim.os_version, claim.agent_version, machine.number),
        )
        self.touch(machine.uuid, as_of)
        self.add_audit(f"agent:{machine.uuid}", "enroll", f"machine/{machine.uuid}", as_of)
        return self._known(machine.uuid)

    def _add_token(self, number: int, token_hash: str, *, pending: int) -> None:
        self.db.run(
            "INSERT INTO machine_token (hash, machine, pending) VALUES (?, ?, ?)",
            (token_hash, number, pending),
        )

    def set_machine_status(
        self,
        uuid: str,
        status: Literal["approved", "rejected"],
        *,
        actor: str,
        as_of: datetime,
    ) -> Machine:
        machine = self._known(uuid)
        claimed = self.db.one(
            "SELECT hash FROM machine_token WHERE machine = ? AND pending = 1", (machine.number,)
        )
        if claimed and status == "approved":
            self.db.run(
                "DELETE FROM machine_token WHERE machine = ? AND pending = 0", (machine.number,)
            )
            self.db.run("UPDATE machine_token SET pending = 0 WHERE machine = ?", (machine.number,))
        elif claimed:
            self.db.run(
                "DELETE FROM machine_token WHERE machine = ? AND pending = 1", (machine.number,)
            )
        if machine.status != status and not (claimed and status == "rejected"):
            self._change_status(machine, status, actor, as_of)
        self.add_audit(actor, status, f"machine/{uuid}", as_of)
        return self._known(uuid)

    def _change_status(self, machine: Machine, status: str, actor: str, as_of: datetime) -> None:
        if status == "rejected":
            self._leave(machine, as_of)
        self.db.run(
            "UPDATE machine SET status = ?, approved_at = ?, approved_by = ? WHERE number = ?",
            (status, instant(as_of), actor, machine.number),
        )
        if status == "approved":
            self._enter(machine.number, "enrollment", machine.uuid, as_of)

    def set_machine_tags(
        self, uuid: str, tags: tuple[str, ...], *, actor: str, as_of: datetime
    ) -> Machine:
        machine = self._known(uuid)
        wanted = tuple(sorted(set(tags)))
        if wanted == machine.tags:
            return machine
        before = machine.tags
        self.db.run(
            "UPDATE machine SET tags = ? WHERE number = ?", (json.dumps(wanted), machine.number)
        )
        self._save_tags(machine.number, wanted)
        if machine.status == "approved":
            moment, judged, ledger = self.judged_moment(), self.judged(), Ledger()
            for subject in self.subjects([machine.number]):
                self.move(
                    subject,
                    moment.profile(uuid, machine.os, before),
                    moment.profile(uuid, machine.os, wanted),
                    subject.posture,
                    Cause("tags", actor, ", ".join(wanted)),
                    as_of,
                    judged,
                    ledger,
                )
                self.restale([subject])
            self.post(ledger, judged.target_slot, as_of)
        detail = {"before": list(before), "after": list(wanted)}
        self.add_audit(actor, "tags", f"machine/{uuid}", as_of, detail=detail)
        return self._known(uuid)

    def delete_machine(self, uuid: str, *, actor: str, as_of: datetime) -> None:
        machine = self._known(uuid)
        if machine.status == "approved":
            self._leave(machine, as_of)
        for table in (
            "contact",
            "posture",
            "outcome_time",
            "evidence",
            "evidence_line",
            "score",
            "machine_change",
            "machine_tag",
            "machine_token",
            "execution",
        ):
            self.db.run(f"DELETE FROM {table} WHERE machine = ?", (machine.number,))  # noqa: S608
        self.db.run("DELETE FROM machine WHERE number = ?", (machine.number,))
        detail = {"hostname": machine.hostname}
        self.add_audit(actor, "delete", f"machine/{uuid}", as_of, detail=detail)

    def touch(self, uuid: str, as_of: datetime) -> None:
        self.db.run(
            "UPDATE contact SET last_seen = ?"
            " WHERE machine = (SELECT number FROM machine WHERE uuid = ?)",
            (instant(as_of), uuid),
        )

    def issue_run(self, uuid: str, run: Run) -> None:
        self.db.run(
            "UPDATE contact SET run_id = ?, run_issued_at = ?, run_policies = ?, run_asked = ?,"
            " last_seen = ? WHERE machine = (SELECT number FROM machine WHERE uuid = ?)",
            (
                run.run_id,
                instant(run.issued_at),
                json.dumps(run.policy_ids),
                bitmap(run.asked),
                instant(run.issued_at),
                uuid,
            ),
        )

    def request_execution(
        self, policy_id: str, uuids: tuple[str, ...] | None, *, actor: str, as_of: datetime
    ) -> int:
        if policy_id not in self.in_force().policies:
            raise NotFoundError(f"there is no policy {policy_id!r}")
        policy = self.in_force().policies[policy_id].document
        machines = [self._known(uuid) for uuid in uuids] if uuids is not None else None
        numbers = [0] if machines is None else [machine.number for machine in machines]
        for number in numbers:
            self.db.run(
                "INSERT INTO execution (policy, machine, requested_at) VALUES (?, ?, ?)"
                " ON CONFLICT (policy, machine) DO UPDATE SET requested_at = excluded.requested_at",
                (policy_id, number, instant(as_of)),
            )
        concerned = self._matching(policy_id, machines)
        detail = {"agents": list(uuids) if uuids is not None else "all"}
        self.add_audit(actor, "execute", f"policy/{policy.id}", as_of, detail=detail)
        return concerned

    def _matching(self, policy_id: str, machines: list[Machine] | None) -> int:
        if machines is None:
            number = self.policy_numbers()[policy_id]
            row = self.db.one(
                "SELECT agents FROM total WHERE slot = ? AND policy = ?",
                (self.judged().slot, number),
            )
            return int(row[0]) if row else 0
        rulebook = self.in_force().rulebook
        return sum(policy_id in rulebook.matching(each.os, each.tags) for each in machines)

    # -- entering and leaving the fleet

    def _enter(self, number: int, kind: Literal["enrollment"], ref: str, as_of: datetime) -> None:
        moment, judged, ledger = self.judged_moment(), self.judged(), Ledger()
        for subject in self.subjects([number]):
            profile = moment.profile(subject.uuid, subject.os, subject.tags)
            cause = Cause(kind, ref)
            self.move(subject, None, profile, subject.posture, cause, as_of, judged, ledger)
            self.restale([subject])
        self.post(ledger, judged.target_slot, as_of)

    def _leave(self, machine: Machine, as_of: datetime) -> None:
        moment, judged, ledger = self.judged_moment(), self.judged(), Ledger()
        row = self.db.one(
            "SELECT passed, failed, errored, not_applicable FROM posture WHERE machine = ?",
            (machine.number,),
        )
        posture = posture_of(row) if row else Posture()
        subject = Subject(machine.number, machine.uuid, machine.os, machine.tags, posture)
        profile = moment.profile(machine.uuid, machine.os, machine.tags)
        cause = Cause("enrollment", machine.uuid)
        self.move(subject, profile, None, posture, cause, as_of, judged, ledger)
        self.db.run("DELETE FROM score WHERE machine = ?", (machine.number,))
        self.db.run("UPDATE contact SET stale_at = NULL WHERE machine = ?", (machine.number,))
        self.post(ledger, judged.target_slot, as_of)

    def _save_tags(self, number: int, tags: Iterable[str]) -> None:
        self.db.run("DELETE FROM machine_tag WHERE machine = ?", (number,))
        self.db.many(
            "INSERT INTO machine_tag (tag, machine) VALUES (?, ?)", [(tag, number) for tag in tags]
        )

    def _known(self, uuid: str) -> Machine:
        machine = self.machine(uuid)
        if machine is None:
            raise NotFoundError(f"there is no machine {uuid!r}")
        return machine
