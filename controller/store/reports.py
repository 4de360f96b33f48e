"""Take reports: facts into postures, and what follows from them into scores, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.errors import ControllerError
from controller.model.report import Report, Since, WholeWantedError
from controller.model.terms import RISK_LEVELS
from controller.scoring.absorb import Absorbed, Catalog, absorb
from controller.scoring.ledger import Ledger
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment
from controller.scoring.standing import Shown
from controller.store.columns import encode, instant, length, truth
from controller.store.context import Judged
from controller.store.dealings import (
    WRITE,
    WRITE_FACTS,
    Dealings,
    heard_under,
    read,
    read_scores,
    spoken_for,
)
from controller.store.driver import Record
from controller.store.evaluations import Cover, Evaluations
from controller.store.evidence_rows import ADD_LINE, EvidenceWriting
from controller.store.outcome_times import MOST_TURNS
from controller.store.port.machines import RUN_LIFE
from controller.store.port.reports import Receipt, Submission
from controller.store.report_scores import ADD_CHANGE, ReportScores

_RUN_LIFE: Final = length(RUN_LIFE)


@dataclass(slots=True)
class _Scene:
    """What one batch is judged by, and what it has still to write."""

    moment: Moment
    judged: Judged
    catalog: Catalog
    ledger: Ledger = field(default_factory=Ledger)
    contacts: list[Record] = field(default_factory=list)
    postures: list[Record] = field(default_factory=list)
    lines: list[Record] = field(default_factory=list)
    changes: list[Record] = field(default_factory=list)
    covers: dict[tuple[int, int], Cover] = field(default_factory=dict)
    """By profile and reported positions."""
    under: dict[int, bytes] = field(default_factory=dict)
    """``heard_under`` by what was asked."""

    def heard(self, digest: bytes, asked: int) -> bytes:
        """What is kept of a list of results, to know it again."""
        under = self.under.get(asked)
        if under is None:
            under = self.under[asked] = heard_under(self.catalog, asked)
        return digest + under


class ReportsWriting(ReportScores, Evaluations, EvidenceWriting):
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
        scene = _Scene(self.judged_moment(), self.judged(), self.catalog())
        answers: dict[int, Receipt | Exception] = {}
        latest = None
        for turn in _turns(submissions):
            found = self._read([submissions[n] for n in turn], scene.judged)
            for n in turn:
                submission = submissions[n]
                try:
                    known = spoken_for(submission, found)
                    answers[n] = self._record(submission, known, scene)
                    latest = max(latest or submission.received_at, submission.received_at)
                except (ControllerError, WholeWantedError) as error:
                    answers[n] = error
            self._write_out(scene)
        if latest is not None:
            self.reported = instant(latest)
            if scene.ledger.totals or scene.ledger.checks:
                self.post(scene.ledger, scene.judged.target_slot, latest)
        return [answers[n] for n in range(len(submissions))]

    def _read(self, submissions: Sequence[Submission], judged: Judged) -> dict[str, Dealings]:
        """What is stored of the machines that speak, by their tokens' hashes."""
        rows = read(self.db, judged.slot, [each.token_hash for each in submissions])
        found = {token: Dealings(row) for token, row in rows.items()}
        new = [
            found[token]
            for _, token, report, _ in submissions
            if token in found and (report.results or report.since is None)
        ]
        # While a fleet-wide change goes on, a machine's rows may be in either set.
        if new and judged.cursor is None:
            scores = read_scores(self.db, judged.slot, [each.number for each in new])
            for known in new:
                known.scores = scores[known.number]
        return found

    def _write_out(self, scene: _Scene) -> None:
        """Write what was gathered, each table once."""
        for sql, rows, repeatable in (
            (WRITE, scene.contacts, True),
            (WRITE_FACTS, scene.postures, True),
            (ADD_LINE, scene.lines, False),
            (ADD_CHANGE, scene.changes, False),
        ):
            if rows:
                self.db.many(sql, rows, repeatable=repeatable)
                rows.clear()
        self.write_moved()

    def _record(self, submission: Submission, known: Dealings, scene: _Scene) -> Receipt:
        report, received = submission.report, instant(submission.received_at)
        if report.report_id in known.recent.split():
            return self._set_aside(known, report, received, scene, duplicate=True)
        known.remember(report.report_id)
        answers_run = report.run_id is not None and report.run_id == known.run_id
        collected = min(instant(report.collected_at), received)
        if not known.gives_way(collected, report.report_id, answers_run=answers_run):
            return self._set_aside(known, report, received, scene, duplicate=False)
        in_time = (
            answers_run
            and known.run_issued_at is not None
            and received - known.run_issued_at <= _RUN_LIFE
        )
        asked = known.run_asked if in_time else 0
        profile = scene.moment.profile(known.uuid, known.os, known.tags)
        absorbed, overall = self._take(known, profile, submission, received, scene, asked)
        known.collected_at, known.report_order = collected, report.report_id
        if answers_run:
            known.facts_run_at = known.run_issued_at
            known.run_id = None
        # Profiles live as long as the scene's moment does.
        key = id(profile), absorbed.reported
        cover = scene.covers.get(key)
        if cover is None:
            cover = scene.covers[key] = self.cover(known, profile, absorbed.reported)
        stale_at = self.evaluate(known, profile, cover, received, complete=in_time)
        scene.contacts.append(known.columns(received, received, stale_at))
        return _receipt(report.report_id, overall, absorbed)

    def _set_aside(
        self, known: Dealings, report: Report, received: int, scene: _Scene, *, duplicate: bool
    ) -> Receipt:
        """A report that changes nothing: it came before, or what is stored is newer."""
        if report.since is not None and report.since.size is None:
            report.since.whole()  # what is no report is refused, whatever its id or time
        stale_at = self.stale_at(known.os, known.tags, known.evaluated, known.approved_at)
        scene.contacts.append(known.columns(received, None, stale_at))
        profile = scene.moment.profile(known.uuid, known.os, known.tags)
        overall = self.overall_of(profile, known.posture)
        return _receipt(report.report_id, overall, duplicate=duplicate, superseded=not duplicate)

    def _take(
        self,
        known: Dealings,
        profile: Profile,
        submission: Submission,
        received: int,
        scene: _Scene,
        asked: int,
    ) -> tuple[Absorbed, Shown]:
        """Write facts and scores, as far as they are new; the overall standing that follows."""
        absorbed, few = self._absorb(known, submission.report, received, scene, asked)
        same, added = absorbed.posture == known.posture, known.added
        if not few:
            self.save_evidence(known, absorbed, received, scene.catalog)
        elif absorbed.evidence:
            line = self.add_evidence(known, absorbed.evidence, received, scene.catalog)
            if line is not None:
                scene.lines.append((known.number, line))
        if absorbed.changed:
            if known.turns >= MOST_TURNS:
                self.pack_turns(known.number)
                known.turns = 0
            known.turns += 1
        report = submission.report
        repeatable = report.digest and not (absorbed.unknown_checks or absorbed.outdated_checks)
        heard = scene.heard(report.digest, asked) if repeatable else None
        if not same or heard != known.heard or added != known.added:
            scene.postures.append(known.facts(absorbed, heard))
        if same:
            stored = known.overall if scene.judged.cursor is None else None
            return absorbed, stored or self.overall_of(profile, known.posture)
        overall, moved = self.move_by_report(known, profile, absorbed, submission, scene.ledger)
        if absorbed.changed or moved:
            told = report.report_id, encode(absorbed.changed), encode(moved)
            scene.changes.append((known.number, received, *told))
        return absorbed, overall

    def _absorb(
        self, known: Dealings, report: Report, received: int, scene: _Scene, asked: int
    ) -> tuple[Absorbed, bool]:
        """What a report makes of the posture, and whether it told only what changed."""
        since = report.since
        if since is not None:
            in_step = known.heard == scene.heard(since.digest, asked)
            if in_step and self.fresh(known, received):
                gone = known.posture.reported & ~scene.catalog.in_force
                if not report.results and not gone:
                    return _unchanged(known, _count(since, known, asked)), True
                absorbed = absorb(known.posture, report, scene.catalog, known.os)
                if not (absorbed.unknown_checks or absorbed.outdated_checks):
                    count = _count(since, known, asked)
                    return absorbed._replace(accepted=count, reported=known.spoke), True
            report = report._replace(results=since.whole(), since=None)
        return absorb(known.posture, report, scene.catalog, known.os, asked=asked), False


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


def _count(since: Since, known: Dealings, asked: int) -> int:
    """How many results a report has whose results, or those they stand on, are on record."""
    if since.size is not None:
        return since.size
    # Each of them has a position; where something was asked for, what was missing has one too.
    return len(since.whole()) if asked else known.spoke.bit_count()


def _unchanged(known: Dealings, count: int) -> Absorbed:
    """What a report makes of a posture when it says what the one before said."""
    return Absorbed(known.posture, {}, count, (), (), (), known.spoke)


def _receipt(
    report_id: str,
    overall: Shown,
    absorbed: Absorbed | None = None,
    *,
    duplicate: bool = False,
    superseded: bool = False,
) -> Receipt:
    hundredths, place, verdict = overall
    risk, compliant = RISK_LEVELS[place], truth(verdict)
    if absorbed is None:
        return Receipt(report_id, 0, 0, duplicate, superseded, (), (), hundredths, risk, compliant)
    return Receipt(
        report_id,
        absorbed.accepted,
        len(absorbed.changed),
        duplicate,
        superseded,
        absorbed.unknown_checks,
        absorbed.outdated_checks,
        hundredths,
        risk,
        compliant,
    )
