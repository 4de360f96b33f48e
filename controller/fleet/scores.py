"""A machine's score at a moment, with everything that explains it.

It is computed from the posture and the judgement in force, never read from stored rows: so it flips
at the very instant an exception starts or ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.errors import NotFoundError
from controller.model.machine import Machine
from controller.model.terms import RiskLevel
from controller.scoring.rulebook import Rulebook
from controller.scoring.score import Score
from controller.store.port.configuration import InForce
from controller.store.port.machines import MachineState
from controller.store.port.store import Reading


@dataclass(frozen=True, slots=True)
class Counts:
    """Checks by outcome in force."""

    passed: int
    failed: int
    error: int
    exempted: int
    not_applicable: int
    pending: int


@dataclass(frozen=True, slots=True)
class SeverityCounts:
    """Failed checks by severity in force."""

    critical: int
    high: int
    medium: int
    low: int


@dataclass(frozen=True, slots=True)
class PolicyScore:
    """A machine's score under one policy."""

    policy_id: str
    name: str
    passing_score_threshold: float
    score: float | None
    """Percent, two decimals, rounded down; none when nothing counts."""
    risk_level: RiskLevel
    compliant: bool | None
    passed_weight: int
    total_weight: int
    counts: Counts
    failed_by_severity: SeverityCounts
    coverage: float | None
    """Share of the checks in reach that have an outcome, 0 to 1."""


@dataclass(frozen=True, slots=True)
class BareScore:
    """What the score would be without any exception."""

    score: float | None
    risk_level: RiskLevel
    compliant: bool | None


@dataclass(frozen=True, slots=True)
class MachineScore:
    """A machine's score over the union of its policies."""

    agent_uuid: str
    hostname: str
    score: float | None
    """Percent, two decimals, rounded down; none when nothing counts."""
    risk_level: RiskLevel
    compliant: bool | None
    stale: bool
    coverage: float | None
    """Share of the checks in reach that have an outcome, 0 to 1."""
    passed_weight: int
    total_weight: int
    counts: Counts
    failed_by_severity: SeverityCounts
    policies: tuple[PolicyScore, ...]
    without_exceptions: BareScore
    calculated_at: datetime
    """The last time at which something that decides the score changed."""
    reported_at: datetime | None
    revision: str | None


def approved_state(reading: Reading, uuid: str, as_of: datetime) -> MachineState:
    """A machine that is scored.

    Raises:
        NotFoundError: It does not exist, or nobody has approved it.
    """
    state = reading.machine_state(uuid, as_of)
    if state is None:
        raise unknown_machine(uuid)
    if state.machine.status != "approved":
        raise NotFoundError(
            f"machine {uuid} is {state.machine.status}, not approved, so it has no score yet; "
            "an administrator approves it"
        )
    return state


def unknown_machine(uuid: str) -> NotFoundError:
    """The one error for a machine that does not exist or is another's."""
    return NotFoundError(f"no machine {uuid[:64]!r}; GET /api/v1/agents lists the machines")


def machine_score(reading: Reading, uuid: str, as_of: datetime) -> MachineScore:
    """Score a machine now.

    Raises:
        NotFoundError: It does not exist, or nobody has approved it.
    """
    state = approved_state(reading, uuid, as_of)
    machine, moment = state.machine, reading.moment(as_of)
    scored = moment.score(machine.uuid, machine.os, machine.tags, state.posture)
    overall, bare, in_force = scored.overall, scored.without_exceptions, reading.in_force()
    return MachineScore(
        agent_uuid=machine.uuid,
        hostname=machine.hostname,
        score=overall.score,
        risk_level=overall.risk_level,
        compliant=overall.compliant,
        stale=state.stale,
        coverage=overall.coverage,
        passed_weight=overall.passed_weight,
        total_weight=overall.total_weight,
        counts=_counts(overall),
        failed_by_severity=SeverityCounts(**overall.failed_by_severity),
        policies=tuple(
            _policy_score(moment.rulebook, policy_id, score) for policy_id, score in scored.policies
        ),
        without_exceptions=BareScore(bare.score, bare.risk_level, bare.compliant),
        calculated_at=_last_change(reading, in_force, machine, as_of),
        reported_at=machine.reported_at,
        revision=in_force.revision,
    )


def _counts(score: Score) -> Counts:
    return Counts(
        passed=score.passed,
        failed=score.failed,
        error=score.error,
        exempted=score.exempted,
        not_applicable=score.not_applicable,
        pending=score.pending,
    )


def _policy_score(rulebook: Rulebook, policy_id: str, score: Score) -> PolicyScore:
    policy = rulebook.policies[policy_id].document
    return PolicyScore(
        policy_id=policy_id,
        name=policy.name,
        passing_score_threshold=policy.passing_score_threshold,
        score=score.score,
        risk_level=score.risk_level,
        compliant=score.compliant,
        passed_weight=score.passed_weight,
        total_weight=score.total_weight,
        counts=_counts(score),
        failed_by_severity=SeverityCounts(**score.failed_by_severity),
        coverage=score.coverage,
    )


def _last_change(
    reading: Reading, in_force: InForce, machine: Machine, as_of: datetime
) -> datetime:
    """The newest of: report, approval, applied commit, an exception's start or end."""
    times = [machine.created_at]
    times += [when for when in (machine.reported_at, machine.approved_at) if when is not None]
    times += [s.last_applied_at for s in reading.sources() if s.last_applied_at is not None]
    times += [instant for instant in in_force.rulebook.timeline.instants if instant <= as_of][-1:]
    return max(times)
