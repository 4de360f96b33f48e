"""The conditions of a source, with closed reason lists (kstatus). Pure.

``Ready`` is always present. ``Reconciling`` and ``Stalled`` are present only while true: a stalled
source is not retried until its commit or its settings change, or a person acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

ConditionType = Literal["Ready", "Reconciling", "Stalled", "SourceVerified", "Healthy"]
ConditionStatus = Literal["True", "False", "Unknown"]

READY_REASONS: Final[dict[str, str]] = {
    "Applied": "The newest revision is in force.",
    "NoRevision": "No revision has been applied yet.",
    "Progressing": "A newer revision is being read, checked or applied.",
}
STALLED_REASONS: Final[dict[str, str]] = {
    "InvalidConfiguration": "The revision has problems; a new commit must fix them.",
    "VerificationFailed": "The revision's signature is missing, foreign or expired.",
    "PruneBlocked": "The revision deletes more than the prune guard allows; confirm it or commit again.",
    "NonFastForward": "The ref was rewritten; confirm it or go back by a revert commit.",
    "AccessDenied": "The remote refused access or does not have the repository; change the settings.",
    "SourceRemoved": "The source is no longer configured; what it declared waits for a decision.",
}
VERIFIED_REASONS: Final[dict[str, str]] = {
    "Verified": "Every commit that had to be signed is signed by a key the operator named.",
}
HEALTHY_REASONS: Final[dict[str, str]] = {
    "Evaluated": "Machines report under the revision in force, and each check runs somewhere.",
    "NoMachines": "No machine is enrolled that could show it.",
    "Rescoring": "Scores are being brought to the revision in force.",
    "AwaitingReports": "No machine has reported under the revision in force yet.",
    "ChecksErroring": "A selected check ends in an error on every machine that answered it.",
    "MachinesSilent": "More than half of the machines are overdue with their reports.",
}
TRANSIENT_REASONS: Final[dict[str, str]] = {
    "FetchFailed": "The remote could not be reached or sent something unusable; retried with backoff.",
    "AuthenticationFailed": "The remote refused the credentials; retried with backoff.",
    "StoreUnavailable": "The store is locked, full or gone; retried with backoff.",
}
SUSPENDED_REASON: Final = "Suspended"
REMOVED_REASON: Final = "SourceRemoved"
FORGOTTEN_REASON: Final = "Forgotten"
"""The reason of an event: nothing of a removed source is left."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as served; ``last_transition_time`` moves only when ``status`` flips."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str
    observed_generation: int
    last_transition_time: datetime
