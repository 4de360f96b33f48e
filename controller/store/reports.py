"""Take reports: facts into postures, and what follows from them into scores, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from controller.errors import ControllerError, UnauthenticatedError
from controller.model.report import Report, Since, WholeWantedError
from controller.scoring.absorb import Absorbed, Catalog, absorb
from controller.scoring.ledger import Ledger
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment
from controller.scoring.standing import Standing, standings
from controller.store.columns import bitmap, instant, moment_of, note_times
from controller.store.context import Judged
from controller.store.dealings import (
    NUMBER,
    UUID,
    WRITE,
    WRITE_FACTS,
    Dealings,
    Kept,
    dealings_of,
    heard_under,
    read,
    read_kept,
)
from controller.store.evidence_rows import ADD_LINE, EvidenceWriting
from controller.store.port.fleet import Cause
from controller.store.port.machines import RUN_LIFE
from controller.store.port.reports import Receipt, Submission
from controller.store.rescoring import Rescoring
from controller.store.staleness import Subject

_Rows = dict[str, list[list[Any]]]
"""What ``read`` gives, by uuid."""
_KEPT_IDS: Final = 8
_ADD_TRANSITION: Final = (
    "INSERT INTO transition (machine, at, position, before, after) VALUES (?, ?, ?, ?, ?)"
)


@dataclass(slots=True)
class _Scene:
    """What one batch is judged by, and what it has still to write."""

    moment: Moment
    judged: Judged
    catalog: Catalog
    ledger: Ledger
    contacts: list[tuple[int | str | None, ...]] = field(default_factory=list)
    transitions: list[tuple[int | str, ...]] = field(default_factory=list)
    postures: list[tuple[bytes | int | None, ...]] = field(default_factory=list)
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    covers: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """By profile and reported positions: the policies that such a report evaluates."""
    under: dict[int, bytes] = field(default_factory=dict)
    """``heard_under`` by what was asked."""

    def heard(self, digest: bytes, asked: int) -> bytes:
        """What is kept of a list of results, to know it again."""
        under = self.under.get(asked)
        if under is None:
            under = self.under[asked] = heard_under(self.catalog, asked)
        return digest + under


class ReportsWriting(Rescoring, EvidenceWriting):
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
        answers: dict[int, Receipt | Exception] = {}
        latest = None
        for turn in _turns(submissions):
            rows = self._rows([submissions[n] for n in turn], scene.judged.slot)
            kept = self._kept_of([submissions[n] for n in turn], rows)
            for n in turn:
                submission = submissions[n]
                try:
                    known = _known(submission, rows)
                    known.kept = kept.get(known.number)
                    answers[n] = self._record(submission, known, scene)
                    latest = max(latest or submission.received_at, submission.received_at)
                except (ControllerError, WholeWantedError) as error:
                    answers[n] = error
            self._write_out(scene)
        if latest is not None:
            self.reported = instant(latest)
        if latest is not None and (scene.ledger.totals or scene.ledger.checks):
            self.post(scene.ledger, scene.judged.target_slot, latest)
        return [answers[n] for n in range(len(submissions))]

    def _write_out(self, scene: _Scene) -> None:
        """Write what was gathered, each table once."""
        for sql, rows, repeatable in (
            (WRITE, scene.contacts, True),
            (WRITE_FACTS, scene.postures, True),
            (ADD_LINE, scene.lines, False),
            (_ADD_TRANSITION, scene.transitions, False),
        ):
            if rows:
                self.db.many(sql, rows, repeatable=repeatable)
        for gathered in (scene.contacts, scene.postures, scene.lines, scene.transitions):
            gathered.clear()

    def _record(self, submission: Submission, known: Dealings, scene: _Scene) -> Receipt:
        report = submission.report
        received = instant(submission.received_at)
        if report.report_id in known.recent:
            return self._set_aside(known, report, received, scene, duplicate=True)
        known.recent = [*known.recent, report.report_id][-_KEPT_IDS:]
        answers_run = report.run_id is not None and report.run_id == known.run_id
        collected = min(instant(report.collected_at), received)
        if not _wins(known, collected, report.report_id, answers_run=answers_run):
            return self._set_aside(known, report, received, scene, duplicate=False)
        in_time = (
            answers_run
            and known.run_issued_at is not None
            and submission.received_at - moment_of(known.run_issued_at) <= RUN_LIFE
        )
        asked = known.run_asked if in_time else 0
        profile = scene.moment.profile(known.uuid, known.os, known.tags)
        absorbed, overall = self._take(known, profile, submission, scene, asked)
        known.collected_at, known.report_order = collected, report.report_id
        if answers_run:
            known.facts_run_at = known.run_issued_at
            known.run_id = None
        self._note_evaluations(known, absorbed, profile, received, scene, complete=in_time)
        self._keep(known, received, received, scene)
        return _receipt(report.report_id, overall, absorbed)

    def _rows(self, submissions: Sequence[Submission], slot: int) -> _Rows:
        """What is stored of each machine that speaks; a row for each of its tokens."""
        found: _Rows = {}
        for row in read(self.db, slot, [each.machine_uuid for each in submissions]):
            found.setdefault(row[UUID], []).append(row)
        return found

    def _kept_of(self, submissions: Sequence[Submission], rows: _Rows) -> dict[int, Kept]:
        """What else is stored of those that seem to say something new, by number."""
        new = [
            rows[uuid][0][NUMBER]
            for uuid, _, report, _ in submissions
            if uuid in rows and (report.results or report.since is None)
        ]
        return read_kept(self.db, new)

    def _set_aside(
        self, known: Dealings, report: Report, received: int, scene: _Scene, *, duplicate: bool
    ) -> Receipt:
        """A report that changes nothing: it came before, or what is stored is newer."""
        if report.since is not None and report.since.size is None:
            report.since.whole()  # what is no report is refused, whatever its id or time
        self._keep(known, received, None, scene)
        profile = scene.moment.profile(known.uuid, known.os, known.tags)
        overall = standings(profile, known.posture)[0]
        return _receipt(report.report_id, overall, duplicate=duplicate, superseded=not duplicate)

    def _absorb(
        self, known: Dealings, submission: Submission, scene: _Scene, asked: int
    ) -> tuple[Absorbed, bool]:
        """What a report makes of the posture, and whether it told only what changed."""
        report, since = submission.report, submission.report.since
        if since is not None:
            in_step = known.heard == scene.heard(since.digest, asked)
            if in_step and self.fresh(known, submission.received_at):
                gone = known.posture.reported & ~scene.catalog.in_force
                if not report.results and not gone:
                    return _unchanged(known, _count(since, known, asked)), True
                absorbed = absorb(known.posture, report, scene.catalog, known.os)
                if not (absorbed.unknown_checks or absorbed.outdated_checks):
                    count = _count(since, known, asked)
                    return absorbed._replace(accepted=count, reported=known.spoke), True
            report = report._replace(results=since.whole(), since=None)
        return absorb(known.posture, report, scene.catalog, known.os, asked=asked), False

    def _take(
        self, known: Dealings, profile: Profile, submission: Submission, scene: _Scene, asked: int
    ) -> tuple[Absorbed, Standing]:
        """Write facts and scores, as far as they are new; the overall standing that follows."""
        absorbed, few = self._absorb(known, submission, scene, asked)
        report, at = submission.report, submission.received_at
        repeatable = report.digest and not (absorbed.unknown_checks or absorbed.outdated_checks)
        heard = scene.heard(report.digest, asked) if repeatable else None
        if heard != known.heard or absorbed.posture != known.posture:
            self._gather_facts(known, absorbed, at, heard, scene)
        if not few:
            self.save_evidence(known, absorbed, at, scene.catalog)
        elif absorbed.evidence:
            line = self.add_evidence(known, absorbed, at, scene.catalog)
            if line is not None:
                scene.lines.append((known.number, line))
        if absorbed.posture == known.posture:
            stored = known.overall if scene.judged.cursor is None else None
            return absorbed, stored or standings(profile, known.posture)[0]
        subject = Subject(known.number, known.uuid, known.os, known.tags, known.posture)
        cause = Cause("report", report.report_id)
        moved = self.move(
            subject, profile, profile, absorbed.posture, cause, at, scene.judged, scene.ledger
        )
        return absorbed, moved[0]

    def _gather_facts(
        self, known: Dealings, absorbed: Absorbed, at: datetime, heard: bytes | None, scene: _Scene
    ) -> None:
        times, now = self.kept(known).times, instant(at)
        if absorbed.changed:
            times = note_times(times, absorbed.changed, int(at.timestamp()))
            scene.transitions += [(known.number, now, *change) for change in absorbed.changed]
        bits = [bitmap(each) for each in absorbed.posture]
        scene.postures.append((*bits, times, heard, bitmap(absorbed.reported), known.number))

    def _keep(self, known: Dealings, seen: int, reported: int | None, scene: _Scene) -> None:
        stale_at = self.stale_at(known.os, known.tags, known.evaluated, known.approved_at)
        scene.contacts.append(known.columns(seen, reported, stale_at))

    def _note_evaluations(
        self,
        known: Dealings,
        absorbed: Absorbed,
        profile: Profile,
        received: int,
        scene: _Scene,
        *,
        complete: bool,
    ) -> None:
        """A policy is evaluated by a complete run, or by a report that covers all it asks for."""
        # Profiles live as long as the scene's moment does.
        key = (id(profile), absorbed.reported)
        covered = scene.covers.get(key)
        if covered is None:
            covered = scene.covers[key] = _covered(profile, absorbed.reported)
        for policy_id in covered:
            known.evaluated[policy_id] = received
        if complete:
            for policy_id in profile.policies:
                if policy_id in known.run_policies:
                    known.evaluated[policy_id] = received
        policies = self.in_force().policies
        if not known.evaluated.keys() <= policies.keys():
            for id_ in known.evaluated.keys() - policies.keys():
                del known.evaluated[id_]


def _turns(submissions: Sequence[Submission]) -> list[list[int]]:
    """The places of the reports, each machine once a turn: its second is read on top of its first."""
    turns: list[list[int]] = []
    times: dict[str, int] = {}
    for place, submission in enumerate(submissions):
        turn = times.get(submission.machine_uuid, 0)
        times[submission.machine_uuid] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(place)
    return turns


def _known(submission: Submission, rows: _Rows) -> Dealings:
    """What is known of the machine that speaks.

    Raises:
        UnauthenticatedError: The token is not the machine's, or the machine is not approved.
    """
    for row in rows.get(submission.machine_uuid, ()):
        if row[0] == submission.token_hash:
            if row[1] != "approved":
                raise UnauthenticatedError("the machine is not approved; ask an administrator")
            return dealings_of(row)
    raise UnauthenticatedError("the agent's token is not valid any more; enrol again")


def _covered(profile: Profile, reported: int) -> tuple[str, ...]:
    """The policies that ask for nothing but what was reported."""
    return tuple(
        policy_id
        for policy_id, bare in zip(profile.policies, profile.bare_targets, strict=True)
        if bare.counted and not bare.counted & ~reported
    )


def _count(since: Since, known: Dealings, asked: int) -> int:
    """How many results a report has whose results, or those they stand on, are on record."""
    if since.size is not None:
        return since.size
    # Each of them has a position; where something was asked for, what was missing has one too.
    return len(since.whole()) if asked else known.spoke.bit_count()


def _unchanged(known: Dealings, count: int) -> Absorbed:
    """What a report makes of a posture when it says what the one before said."""
    return Absorbed(known.posture, {}, count, (), (), (), known.spoke)


def _wins(known: Dealings, collected: int, report_id: str, *, answers_run: bool) -> bool:
    """Whether a report replaces what is stored: by run first, then by the machine's own clock."""
    if known.collected_at is None:
        return True
    if answers_run and (known.run_issued_at or 0) > (known.facts_run_at or 0):
        return True
    return (collected, report_id) > (known.collected_at, known.report_order or "")


def _receipt(
    report_id: str,
    overall: Standing,
    absorbed: Absorbed | None = None,
    *,
    duplicate: bool = False,
    superseded: bool = False,
) -> Receipt:
    return Receipt(
        report_id=report_id,
        accepted=absorbed.accepted if absorbed else 0,
        changed=len(absorbed.changed) if absorbed else 0,
        duplicate=duplicate,
        superseded=superseded,
        unknown_checks=absorbed.unknown_checks if absorbed else (),
        outdated_checks=absorbed.outdated_checks if absorbed else (),
        hundredths=overall.hundredths,
        risk=overall.risk,
        compliant=overall.compliant,
    )
