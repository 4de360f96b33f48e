"""Messages to people and systems outside, on their way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from controller.model.terms import RiskLevel

CommitState = Literal["success", "failure", "pending"]

TOLD_REASONS: Final[dict[str, str]] = {
    "NonCompliant": "A machine that met all its policies, or had no score, does so no longer.",
    "CriticalRisk": "A machine's overall risk has become critical.",
    "ExceptionExpiring": "An exception ends soon: at warn_days, 7 days and 1 day before its end.",
    "ExceptionExpired": "An exception has ended; what it exempted counts again.",
}
"""Events found by looking at what time and machines have done."""

COMMIT_STATES: Final[Mapping[str, CommitState]] = {
    "Applied": "success",
    "InvalidConfiguration": "failure",
    "VerificationFailed": "failure",
    "PruneBlocked": "pending",
    "NonFastForward": "pending",
}
"""What a commit status says, for the reasons that are about a commit."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a target wants to hear, as the store needs to know it."""

    target: str
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    commits: bool = False
    """Whether it takes commit statuses alone."""

    def wants(self, reason: str, source: str, revision: str) -> bool:
        """Whether an event is for this target; ``source`` is empty for what concerns none."""
        if self.reasons and reason not in self.reasons:
            return False
        if self.sources and source not in self.sources:
            return False
        return not self.commits or (
            bool(source) and reason in COMMIT_STATES and "@sha1:" in revision
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one target, as it lies in the outbox."""

    number: int
    target: str
    id: str
    """The same for every try and every target: receivers know a repetition by it."""
    at: datetime
    object: str
    reason: str
    revision: str
    source: str
    message: str
    attempts: int = 0
    next_at: datetime | None = None
    error: str = ""
    """Why the last try failed."""
    dead_at: datetime | None = None
    """When it was given up."""


@dataclass(frozen=True, slots=True)
class MachineTurn:
    """A machine whose overall standing is not what was last told."""

    number: int
    uuid: str
    hostname: str
    risk: RiskLevel
    compliant: bool | None
    was_risk: RiskLevel
    was_compliant: bool | None
