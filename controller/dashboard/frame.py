"""What stands around every page: where to go, and what git says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from controller.fleet.statistics import exception_counts
from controller.model.conditions import Condition
from controller.model.problem import Problem
from controller.model.source import HeldPlan, RevisionRecord, SourceStatus
from controller.store.port.configuration import InForce
from controller.store.port.fleet import FleetTotals
from controller.store.port.store import Reading

State = Literal["ready", "waiting", "trouble", "held", "suspended"]

_HEADLINES: Final = {
    "InvalidConfiguration": "The newest commit has problems",
    "VerificationFailed": "The newest commit's signature is not accepted",
    "PruneBlocked": "A plan waits for a person",
    "NonFastForward": "The branch was rewritten",
    "AccessDenied": "The repository refuses access",
    "SourceRemoved": "A source is no longer configured",
    "FetchFailed": "The repository cannot be reached",
    "AuthenticationFailed": "The repository refuses the credentials",
    "StoreUnavailable": "The store cannot be used",
}
_WHAT_TO_DO: Final = {
    "InvalidConfiguration": "Merge a commit that fixes it. What was in force before stays in force.",
    "PruneBlocked": "Look at what it deletes, then confirm it, or merge another commit.",
    "NonFastForward": "Confirm that the rewrite was meant, or go back by a revert commit.",
    "AccessDenied": "Correct the address or the credentials; then restart or ask for a pass.",
    "SourceRemoved": "Put it back, let another source declare its objects, or confirm their deletion.",
    "VerificationFailed": "Merge a commit that is signed with an accepted key.",
}
_MOST_COUNTED: Final = 2_000
_LATE: Final = timedelta(minutes=15)
"""A source that nobody has looked at for so long is said to be so."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source, as the line or banner on top says it."""

    name: str
    state: State
    reason: str
    """Of what is wrong, as the reconciler calls it; empty when nothing is."""
    headline: str
    message: str
    advice: str
    since: datetime | None
    problems: tuple[Problem, ...]
    """Errors only; warnings are the revisions page's."""
    ref: str
    sha: str | None
    applied_at: datetime | None
    checked_at: datetime | None
    late: bool
    held: HeldPlan | None
    url: str
    tried: str | None
    """The newest commit that was looked at."""
    conditions: tuple[Condition, ...]
    """Everything that is known of it, as the reconciler says it."""

    @property
    def failing(self) -> tuple[Condition, ...]:
        """What else is wrong, besides what the state says already."""
        said = {"Ready", "Stalled", "Reconciling"}
        return tuple(
            each
            for each in self.conditions
            if each.status == "False" and each.type not in said and each.reason != self.reason
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """Navigation counts and the state of git."""

    machines: int
    policies: int
    checks: int
    exceptions: int
    expiring: int
    sources: tuple[Source, ...]
    newest: RevisionRecord | None
    """The applied revision in force."""
    reported: int | None
    """Machines that have reported under it; none while so many have and have not that it is not counted."""
    assessed: int

    @property
    def trouble(self) -> tuple[Source, ...]:
        """Sources that need a person, worst first."""
        return tuple(each for each in self.sources if each.state not in {"ready", "waiting"})


def frame(reading: Reading, in_force: InForce, totals: FleetTotals, as_of: datetime) -> Frame:
    """What every page shows; a fixed number of statements."""
    statuses = reading.sources()
    counts = exception_counts(in_force, as_of)
    applied = [each for each in statuses if each.last_applied_at is not None]
    newest = max(applied, key=lambda each: each.last_applied_at or as_of, default=None)
    reported: int | None = 0
    record = None
    if newest is not None and newest.last_applied_revision and newest.last_applied_at:
        reported = reading.reported_since(newest.last_applied_at, _MOST_COUNTED)
        record = reading.revision(newest.last_applied_revision.rpartition(":")[2])
    return Frame(
        machines=totals.overall.agents,
        policies=len(in_force.policies),
        checks=len(in_force.checks),
        exceptions=counts.active,
        expiring=counts.expiring,
        sources=tuple(_source(each, as_of) for each in statuses),
        newest=record,
        reported=None if reported is None else min(reported, totals.overall.agents),
        assessed=totals.overall.assessed,
    )


def _source(status: SourceStatus, as_of: datetime) -> Source:
    ready, stalled = status.condition("Ready"), status.condition("Stalled")
    wrong = stalled or (ready if ready and ready.status == "False" else None)
    if status.suspended:
        state: State = "suspended"
    elif status.held_plan is not None:
        state = "held"
    elif wrong is not None and wrong.reason not in {"NoRevision", "Progressing"}:
        state = "trouble"
    else:
        state = "ready" if status.last_applied_revision else "waiting"
    reason = wrong.reason if wrong else ""
    message = wrong.message if wrong else ""
    checked = status.last_checked_at
    return Source(
        name=status.name,
        state=state,
        reason=reason,
        headline="Suspended" if state == "suspended" else _HEADLINES.get(reason, reason),
        message=(status.suspend_reason or "") if state == "suspended" else message,
        advice=_advice(status, reason),
        since=wrong.last_transition_time if wrong else None,
        problems=tuple(each for each in status.problems if each.level == "error"),
        ref=status.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
        sha=status.last_applied_revision.rpartition(":")[2]
        if status.last_applied_revision
        else None,
        applied_at=status.last_applied_at,
        checked_at=checked,
        late=checked is not None and as_of - checked > _LATE,
        held=status.held_plan,
        url=status.url,
        tried=(status.last_attempted_revision or "").rpartition(":")[2] or None,
        conditions=status.conditions,
    )


def _advice(status: SourceStatus, reason: str) -> str:
    if status.suspended:
        who = status.suspended_by or "somebody"
        return f"Suspended by {who}; nothing new is taken in until it is resumed."
    return _WHAT_TO_DO.get(reason, "It is tried again by itself.")
