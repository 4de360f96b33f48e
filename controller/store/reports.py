"""Take reports: facts into postures, and what follows from them into scores, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from controller.errors import ControllerError, UnauthenticatedError
from controller.model.posture import Posture
from controller.model.report import Evidence
from controller.model.terms import Platform
from controller.scoring.absorb import Absorbed, Catalog, absorb
from controller.scoring.ledger import Ledger
from controller.scoring.rulebook import Moment, Profile
from controller.store import evidence as packed_evidence
from controller.store.columns import (
    Times,
    bits_of,
    instant,
    moment_of,
    posture_of,
    unpack_times,
)
from controller.store.context import Judged
from controller.store.interface import Cause, Receipt, Submission
from controller.store.rescoring import Rescoring
from controller.store.staleness import Subject

RUN_LIFE: Final = timedelta(minutes=15)
"""How long an unanswered run is complete when answered; later it counts as partial (api.md)."""
_KEPT_IDS: Final = 8
_REWRITE_EVIDENCE: Final = timedelta(days=1)


@dataclass(slots=True)
class _Contact:
    """A machine's dealings with the controller, while one batch is worked on."""

    number: int
    uuid: str
    os: Platform
    tags: tuple[str, ...]
    approved_at: datetime
    collected_at: int | None
    report_order: str | None
    facts_run_at: int | None
    recent: list[str]
    evaluated: dict[str, int]
    run_id: str | None
    run_issued_at: int | None
    run_policies: tuple[str, ...]
    run_asked: int


@dataclass(frozen=True, slots=True)
class _Scene:
    """What one batch is judged by."""

    moment: Moment
    judged: Judged
    catalog: Catalog
    ledger: Ledger


class ReportsWriting(Rescoring):
    """Writes of facts."""

    def catalog(self) -> Catalog:
        """The checks in force, indexed once for each generation."""
        in_force = self.in_force()
        kept: tuple[int, Catalog] | None = self.cache.catalog
        if kept is None or kept[0] != in_force.generation:
            checks = {id_: each.document for id_, each in in_force.checks.items()}
            kept = (in_force.generation, Catalog.of(checks, in_force.rulebook.positions))
            self.cache.catalog = kept
        return kept[1]

    def record_reports(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        scene = _Scene(self.judged_moment(), self.judged(), self.catalog(), Ledger())
        answers: list[Receipt | Exception] = []
        latest = None
        for submission in submissions:
            try:
                answers.append(self._record(submission, scene))
                latest = max(latest or submission.received_at, submission.received_at)
            except ControllerError as error:
                answers.append(error)
        if latest is not None and (scene.ledger.totals or scene.ledger.checks):
            self.post(scene.ledger, scene.judged.target_slot, latest)
        return answers

    def _record(self, submission: Submission, scene: _Scene) -> Receipt:
        contact = self._contact(submission)
        report = submission.report
        received = instant(submission.received_at)
        profile = scene.moment.profile(contact.uuid, contact.os, contact.tags)
        posture_row = self.db.one(
            "SELECT passed, failed, errored, not_applicable, times FROM posture WHERE machine = ?",
            (contact.number,),
        )
        posture = posture_of(posture_row[:4]) if posture_row else Posture()
        subject = Subject(contact.number, contact.uuid, contact.os, contact.tags, posture)
        if report.report_id in contact.recent:
            self._save_contact(contact, received, None)
            return self._receipt(report.report_id, subject, posture, duplicate=True)
        contact.recent = [*contact.recent, report.report_id][-_KEPT_IDS:]
        answers_run = report.run_id is not None and report.run_id == contact.run_id
        collected = min(instant(report.collected_at), received)
        if not self._wins(contact, collected, report.report_id, answers_run=answers_run):
            self._save_contact(contact, received, None)
            return self._receipt(report.report_id, subject, posture, superseded=True)
        in_time = (
            answers_run
            and contact.run_issued_at is not None
            and submission.received_at - moment_of(contact.run_issued_at) <= RUN_LIFE
        )
        absorbed = absorb(
            posture,
            report,
            scene.catalog,
            contact.os,
            asked=contact.run_asked if in_time else 0,
        )
        self._save_facts(
            contact, absorbed, posture_row[4] if posture_row else b"", submission, scene
        )
        self.move(
            subject,
            profile,
            profile,
            absorbed.posture,
            Cause("report", report.report_id),
            submission.received_at,
            scene.judged,
            scene.ledger,
        )
        contact.collected_at, contact.report_order = collected, report.report_id
        if answers_run:
            contact.facts_run_at = contact.run_issued_at
            contact.run_id = None
        self._note_evaluations(contact, absorbed, profile, received, complete=in_time)
        self._save_contact(contact, received, received)
        return self._receipt(report.report_id, subject, absorbed.posture, absorbed=absorbed)

    @staticmethod
    def _wins(contact: _Contact, collected: int, report_id: str, *, answers_run: bool) -> bool:
        """Whether a report replaces what is stored: by run first, then by the machine's own clock."""
        if contact.collected_at is None:
            return True
        if answers_run and (contact.run_issued_at or 0) > (contact.facts_run_at or 0):
            return True
        return (collected, report_id) > (contact.collected_at, contact.report_order or "")

    def _contact(self, submission: Submission) -> _Contact:
        row = self.db.one(_CONTACT, (submission.machine_uuid,))
        token = self.db.one(
            "SELECT machine FROM machine_token WHERE hash = ? AND pending = 0",
            (submission.token_hash,),
        )
        if row is None or token is None or token[0] != row[0]:
            raise UnauthenticatedError("the agent's token is not valid any more; enrol again")
        if row[4] != "approved":
            raise UnauthenticatedError("the machine is not approved; ask an administrator")
        return _Contact(
            number=row[0],
            uuid=row[1],
            os=row[2],
            tags=tuple(json.loads(row[3])),
            approved_at=moment_of(row[5]),
            collected_at=row[6],
            report_order=row[7],
            facts_run_at=row[8],
            recent=row[9].split() if row[9] else [],
            evaluated=json.loads(row[10]),
            run_id=row[11],
            run_issued_at=row[12],
            run_policies=tuple(json.loads(row[13])) if row[13] else (),
            run_asked=bits_of(row[14]) if row[14] else 0,
        )

    def _save_contact(self, contact: _Contact, seen: int, reported: int | None) -> None:
        self.db.run(
            "UPDATE contact SET last_seen = ?,"
            " reported_at = coalesce(?, reported_at), collected_at = ?, report_order = ?,"
            " facts_run_at = ?, recent = ?, evaluated = ?, stale_at = ?, run_id = ? WHERE machine = ?",
            (
                seen,
                reported,
                contact.collected_at,
                contact.report_order,
                contact.facts_run_at,
                " ".join(contact.recent),
                json.dumps(contact.evaluated, separators=(",", ":")),
                self.stale_at(contact.os, contact.tags, contact.evaluated, contact.approved_at),
                contact.run_id,
                contact.number,
            ),
        )

    def _note_evaluations(
        self,
        contact: _Contact,
        absorbed: Absorbed,
        profile: Profile,
        received: int,
        *,
        complete: bool,
    ) -> None:
        """A policy is evaluated by a complete run, or by a report that covers all it asks for."""
        for policy_id, bare in zip(profile.policies, profile.bare_targets, strict=True):
            asked = complete and policy_id in contact.run_policies
            covered = bare.counted and not bare.counted & ~absorbed.reported
            if asked or covered:
                contact.evaluated[policy_id] = received
        known = self.in_force().policies
        contact.evaluated = {id_: at for id_, at in contact.evaluated.items() if id_ in known}

    def _save_facts(
        self,
        contact: _Contact,
        absorbed: Absorbed,
        times_column: bytes,
        submission: Submission,
        scene: _Scene,
    ) -> None:
        at = submission.received_at
        if absorbed.changed:
            times = unpack_times(times_column)
            seconds = int(at.timestamp())
            for position, _, after in absorbed.changed:
                first = times[position].first_failed if position in times else 0
                times[position] = Times(seconds, first or (seconds if after == "failed" else 0))
            self.save_posture(contact.number, absorbed.posture, times)
            self.db.many(
                "INSERT INTO transition (machine, at, position, before, after) VALUES (?, ?, ?, ?, ?)",
                [
                    (contact.number, instant(at), position, before, after)
                    for position, before, after in absorbed.changed
                ],
            )
        self._save_evidence(contact.number, absorbed, at, scene.catalog)

    def _save_evidence(
        self, number: int, absorbed: Absorbed, at: datetime, catalog: Catalog
    ) -> None:
        """Rewrite evidence when something telling in it changed, or once a day."""
        telling = packed_evidence.digest(
            [
                (id_, packed_evidence.telling(catalog.checks[id_], each.rows) or each.details)
                for id_, each in absorbed.evidence.items()
            ]
        )
        row = self.db.one("SELECT digest, stored_at FROM evidence WHERE machine = ?", (number,))
        if row is not None and not absorbed.changed:
            fresh = instant(at) - row[1] < _REWRITE_EVIDENCE // timedelta(microseconds=1)
            if row[0] == telling and fresh:
                return
        kept: dict[str, Evidence] = {}
        if row is not None:
            body = self.db.one("SELECT body FROM evidence WHERE machine = ?", (number,))
            kept = packed_evidence.unpack(body[0]) if body else {}
        kept = {id_: each for id_, each in kept.items() if id_ in catalog.checks}
        kept.update(absorbed.evidence)
        self.db.run(
            "INSERT INTO evidence (machine, digest, stored_at, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (machine) DO UPDATE SET digest = excluded.digest,"
            " stored_at = excluded.stored_at, body = excluded.body",
            (number, telling, instant(at), packed_evidence.pack(kept)),
        )

    def _receipt(
        self,
        report_id: str,
        subject: Subject,
        posture: Posture,
        *,
        absorbed: Absorbed | None = None,
        duplicate: bool = False,
        superseded: bool = False,
    ) -> Receipt:
        overall = (
            self.judged_moment().score(subject.uuid, subject.os, subject.tags, posture).overall
        )
        return Receipt(
            report_id=report_id,
            accepted=absorbed.accepted if absorbed else 0,
            changed=len(absorbed.changed) if absorbed else 0,
            duplicate=duplicate,
            superseded=superseded,
            unknown_checks=absorbed.unknown_checks if absorbed else (),
            outdated_checks=absorbed.outdated_checks if absorbed else (),
            hundredths=overall.hundredths,
            risk=overall.risk_level,
            compliant=overall.compliant,
        )


_CONTACT: Final = (
    "SELECT m.number, m.uuid, m.os, m.tags, m.status, m.approved_at, c.collected_at, c.report_order,"
    " c.facts_run_at, c.recent, c.evaluated, c.run_id, c.run_issued_at, c.run_policies, c.run_asked"
    " FROM machine m JOIN contact c ON c.machine = m.number WHERE m.uuid = ?"
)
