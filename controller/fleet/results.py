"""A machine's results: every check that its policies select, with outcome, evidence and exception."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.errors import NotFoundError
from controller.fleet.provenance import GitPlace, git_place
from controller.fleet.scores import approved_state
from controller.model.documents import Check
from controller.model.managed import ManagedBy
from controller.model.posture import RawOutcome, positions
from controller.model.report import Evidence
from controller.model.terms import SEVERITIES, Outcome, Severity
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment
from controller.scoring.score import Target
from controller.store.port.machines import MachineState
from controller.store.port.store import Reading

NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class ResultException:
    """The exception that leaves a check out of the score."""

    id: str
    reason: str
    expires_at: datetime | None
    managed_by: ManagedBy
    git: GitPlace | None


@dataclass(frozen=True, slots=True)
class ResultRemediation:
    """How a person puts it right; ``command`` is shown, never run."""

    steps: tuple[str, ...]
    command: str
    impact: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MachineResult:
    """One check on one machine."""

    check_id: str
    title: str
    description: str
    category: str
    severity: Severity
    """In force: the highest of the policies that count the check, overrides included."""
    status: Outcome
    """The outcome in force."""
    raw_status: RawOutcome
    """What the machine reported, whatever any exception says."""
    actual_value: object
    details: str
    reported_at: datetime | None
    status_since: datetime | None
    """Since when ``raw_status`` is what it is."""
    first_failed_at: datetime | None
    policy_ids: tuple[str, ...]
    exception: ResultException | None
    remediation: ResultRemediation


def machine_results(
    reading: Reading, uuid: str, as_of: datetime, policy_id: str | None = None
) -> list[MachineResult]:
    """A machine's results, by check id.

    Args:
        reading: The snapshot.
        uuid: The machine.
        as_of: Now.
        policy_id: Narrows to one policy: its checks, its severities, its exceptions.

    Raises:
        NotFoundError: No such approved machine, or the policy does not apply to it.
    """
    state = approved_state(reading, uuid, as_of)
    moment = reading.moment(as_of)
    profile = moment.profile(uuid, state.machine.os, state.machine.tags)
    view = _View(state, moment, profile, policy_id)
    evidence = reading.evidence(uuid)
    return [view.result(check, evidence) for check in view.checks()]


class _View:
    """One machine at one moment, under all its policies or under one."""

    def __init__(
        self, state: MachineState, moment: Moment, profile: Profile, policy_id: str | None
    ) -> None:
        self.state, self.rulebook = state, moment.rulebook
        self.policies, self.targets = profile.policies, profile.targets
        self.target, self.bare = profile.overall, profile.bare_overall
        if policy_id is not None:
            if policy_id not in profile.policies:
                raise NotFoundError(f"policy {policy_id[:64]!r} does not apply to this machine")
            at = profile.policies.index(policy_id)
            self.policies, self.targets = (policy_id,), profile.targets[at : at + 1]
            self.target, self.bare = profile.targets[at], profile.bare_targets[at]
        machine = state.machine
        self.waiver_ids = moment.waivers_for(machine.uuid, machine.tags)

    def checks(self) -> Iterator[Check]:
        by_position = {self.rulebook.positions[id_]: id_ for id_ in self.rulebook.checks}
        found = sorted(by_position[position] for position in positions(self.target.selected))
        return (self.rulebook.checks[id_].document for id_ in found)

    def result(self, check: Check, evidence: Mapping[str, Evidence]) -> MachineResult:
        position = self.rulebook.positions[check.id]
        raw = self.state.posture.outcome(position)
        status = outcome_in_force(self.target, position, raw)
        times = self.state.times.get(position) if raw != "pending" else None
        # What is stored for a pending check belongs to an older definition.
        shown = evidence.get(check.id, NO_EVIDENCE) if raw != "pending" else NO_EVIDENCE
        return MachineResult(
            check_id=check.id,
            title=check.title,
            description=check.description,
            category=check.category,
            severity=self._severity(check, position),
            status=status,
            raw_status=raw,
            actual_value=shown.actual_value,
            details=shown.details,
            reported_at=self.state.machine.reported_at if raw != "pending" else None,
            status_since=times.status_since if times else None,
            first_failed_at=times.first_failed_at if times else None,
            policy_ids=tuple(
                id_
                for id_, target in zip(self.policies, self.targets, strict=True)
                if target.selected >> position & 1
            ),
            exception=self._exception(check.id) if status == "exempted" else None,
            remediation=ResultRemediation(
                steps=check.remediation.steps,
                command=check.remediation.command,
                impact=check.impact,
                references=check.references,
            ),
        )

    def _severity(self, check: Check, position: int) -> Severity:
        """As it counts; for what does not count, as it would without exceptions."""
        for target in (self.target, self.bare):
            masks = (target.critical, target.high, target.medium, target.low)
            for severity, mask in zip(SEVERITIES, masks, strict=True):
                if mask >> position & 1:
                    return severity
        return check.severity

    def _exception(self, check_id: str) -> ResultException | None:
        """Of those that cover the check here, the one that lasts longest."""
        waivers = [self.rulebook.waivers[id_] for id_ in self.waiver_ids]
        covering = [
            waiver
            for waiver in waivers
            if check_id in waiver.document.checks
            and (waiver.document.scope != "policy" or waiver.document.policy_id in self.policies)
        ]
        if not covering:
            return None
        lasting = max(covering, key=lambda w: (_end(w.document.expires_at), w.id))
        return ResultException(
            id=lasting.id,
            reason=lasting.document.reason,
            expires_at=lasting.document.expires_at,
            managed_by=lasting.managed_by,
            git=git_place(lasting),
        )


def outcome_in_force(target: Target, position: int, raw: RawOutcome) -> Outcome:
    """A check's outcome under a target: an exception first, then the platform, then the facts."""
    if target.exempted >> position & 1:
        return "exempted"
    if target.not_applicable >> position & 1:
        return "not_applicable"
    return raw


def _end(expires_at: datetime | None) -> float:
    return float("inf") if expires_at is None else expires_at.timestamp()
