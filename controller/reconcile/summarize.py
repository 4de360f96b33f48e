"""From how a pass ended to what is said about the source. Pure; the only place that sets conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from controller.model.conditions import (
    READY_REASONS,
    Condition,
    ConditionStatus,
    ConditionType,
)
from controller.model.source import SourceStatus
from controller.reconcile.ending import Ending

Told = tuple[ConditionStatus, str, str]
"""A condition's status, reason and message."""

_BACKOFF_FIRST: Final = 2.0
_BACKOFF_MOST: Final = 300.0
"""Seconds. A remote that is back after a night is noticed within five minutes."""


def summarize(
    previous: SourceStatus, ending: Ending, *, request: int, revision: str | None, as_of: datetime
) -> SourceStatus:
    """The status after a pass.

    Args:
        previous: As stored when the pass ends, so that what a person did meanwhile is kept.
        ending: How it ended.
        request: The reconcile request that the pass had started with.
        revision: What the head was; none when it could not be asked.
        as_of: Now.
    """
    handled = max(previous.handled_request, request)
    if ending.kind == "suspended":
        paused = replace(previous, handled_request=handled, unfinished_attempts=0)
        return with_conditions(paused, as_of, {"Reconciling": None})
    status = replace(
        previous,
        handled_request=handled,
        unfinished_attempts=0,
        failures=previous.failures + 1 if ending.kind == "transient" else 0,
        observed_revision=revision or previous.observed_revision,
        last_checked_at=as_of if revision else previous.last_checked_at,
    )
    match ending.kind:
        case "settled":
            return _recovered(status, as_of)
        case "applied":
            return _applied(status, ending, revision, as_of)
        case "stalled" | "held":
            return _stalled(status, ending, revision, as_of)
        case "transient":
            told: Told = ("False", ending.reason, ending.message)
            return with_conditions(status, as_of, {"Ready": told, "Reconciling": None})


def with_verification(
    status: SourceStatus,
    ending: Ending,
    *,
    trust: str,
    verified: tuple[str, str] | None,
    as_of: datetime,
) -> SourceStatus:
    """The status with what a pass found about signatures.

    Args:
        status: After the pass.
        ending: How it ended.
        trust: What must be signed; ``none`` takes the condition away.
        verified: The commit whose signature was good and who made it; none when none was looked at.
        as_of: Now.
    """
    if trust == "none":
        bare = replace(status, verified_commit=None)
        return with_conditions(bare, as_of, {"SourceVerified": None})
    if ending.reason == "VerificationFailed":
        told: Told = ("False", ending.reason, ending.message)
        return with_conditions(status, as_of, {"SourceVerified": told})
    if verified is None:
        return status
    sha, message = verified
    good: Told = ("True", "Verified", message)
    found = replace(status, verified_commit=sha)
    return with_conditions(found, as_of, {"SourceVerified": good})


def begun(previous: SourceStatus, *, revision: str, as_of: datetime) -> SourceStatus:
    """The status when a revision is about to be read: stored first, since reading may end us."""
    again = previous.last_attempted_revision == revision
    message = f"reading {revision}"
    status = replace(
        previous,
        observed_revision=revision,
        last_attempted_revision=revision,
        unfinished_attempts=previous.unfinished_attempts + 1 if again else 1,
    )
    wanted: dict[ConditionType, Told | None] = {
        "Reconciling": ("True", "Progressing", message),
        "Stalled": None,
    }
    if status.last_applied_revision is None:
        wanted["Ready"] = ("Unknown", "Progressing", message)
    return with_conditions(status, as_of, wanted)


def fresh(
    name: str,
    *,
    url: str,
    ref: str,
    path: str,
    trust: str = "none",
    limit: str = "",
    as_of: datetime,
) -> SourceStatus:
    """The status of a source that was never looked at."""
    status = SourceStatus(name=name, url=url, ref=ref, path=path, trust=trust, limit=limit)
    told: Told = ("Unknown", "NoRevision", READY_REASONS["NoRevision"])
    return with_conditions(status, as_of, {"Ready": told})


def with_settings(
    previous: SourceStatus,
    *,
    url: str,
    ref: str,
    path: str,
    trust: str = "none",
    limit: str = "",
) -> SourceStatus:
    """The status under these settings; a change of the place makes a new generation.

    Other keys or another limit make the same head be looked at again. They are no new place: a
    rewritten ref is still noticed.
    """
    if (previous.trust, previous.limit) != (trust, limit):
        previous = replace(previous, trust=trust, limit=limit, observed_generation=0)
    if (previous.url, previous.ref, previous.path) == (url, ref, path):
        return previous
    return replace(
        previous,
        url=url,
        ref=ref,
        path=path,
        generation=previous.generation + 1,
        confirmed_digest=None,
        unfinished_attempts=0,
    )


def returned(previous: SourceStatus, as_of: datetime) -> SourceStatus:
    """The status of a removed source that is configured again: its head is looked at anew."""
    status = replace(previous, held_plan=None, confirmed_digest=None, observed_generation=0)
    told: Told = ("Unknown", "Progressing", "the source is configured again")
    return with_conditions(status, as_of, {"Ready": told, "Stalled": None})


def settled(status: SourceStatus, *, sha: str, request: int) -> bool:
    """Whether a pass over this head has nothing to do: it is in force, or refused for good."""
    if (
        not names(status.last_attempted_revision, sha)
        or status.observed_generation != status.generation
        or status.condition("Reconciling") is not None
    ):
        return False
    stalled = status.condition("Stalled")
    if stalled is None:
        # Not even a request reads it again: a storm of webhooks costs one question to the remote each.
        return names(status.last_applied_revision, sha)
    if request > status.handled_request or status.confirmed_digest is not None:
        return False
    # Where access was denied, nothing is known of the revision; asking for it again is all there is.
    return stalled.reason != "AccessDenied"


def names(revision: str | None, sha: str) -> bool:
    """Whether a stored revision is of that commit, by whatever name its ref went."""
    return revision is not None and revision.endswith(sha)


def backoff(failures: int, jitter: Callable[[], float]) -> float:
    """Seconds until the next try after so many transient failures in a row, at most 300.

    Args:
        failures: From 1.
        jitter: Gives a number in [0, 1); so that a hundred controllers do not come back at once.
    """
    longest = min(_BACKOFF_MOST, _BACKOFF_FIRST * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + 0.5 * jitter())


def with_conditions(
    status: SourceStatus, as_of: datetime, wanted: Mapping[ConditionType, Told | None]
) -> SourceStatus:
    """Set conditions, or remove them with none; the others stay.

    ``last_transition_time`` moves only when a condition's status flips or it appears.
    """
    kept = {condition.type: condition for condition in status.conditions}
    for type_, told in wanted.items():
        old = kept.pop(type_, None)
        if told is None:
            continue
        value, reason, message = told
        since = old.last_transition_time if old and old.status == value else as_of
        kept[type_] = Condition(type_, value, reason, message, status.generation, since)
    ordered = sorted(kept.values(), key=lambda condition: _ORDER.index(condition.type))
    return replace(status, conditions=tuple(ordered))


_ORDER: Final[tuple[ConditionType, ...]] = (
    "Ready",
    "Reconciling",
    "Stalled",
    "SourceVerified",
    "Healthy",
)


def _applied(
    status: SourceStatus, ending: Ending, revision: str | None, as_of: datetime
) -> SourceStatus:
    status = replace(
        status,
        last_applied_revision=revision,
        last_applied_at=as_of,
        observed_generation=status.generation,
        applied_generation=status.generation,
        confirmed_digest=None,
        held_plan=None,
        problems=ending.problems,
    )
    ready: Told = ("True", "Applied", f"{revision} is in force")
    return with_conditions(status, as_of, {"Ready": ready, "Reconciling": None, "Stalled": None})


def _stalled(
    status: SourceStatus, ending: Ending, revision: str | None, as_of: datetime
) -> SourceStatus:
    if ending.reason != "AccessDenied":  # which says nothing about the revision held or refused
        held = ending.held
        # A confirmation outlives the pass only for the very plan that is held now.
        keeps = held is not None and status.confirmed_digest == held.digest
        status = replace(
            status,
            last_attempted_revision=revision or status.last_attempted_revision,
            observed_generation=status.generation,
            problems=ending.problems,
            held_plan=held,
            confirmed_digest=status.confirmed_digest if keeps else None,
        )
    ready: Told = ("False", ending.reason, ending.message)
    stalled: Told = ("True", ending.reason, ending.message)
    return with_conditions(status, as_of, {"Ready": ready, "Reconciling": None, "Stalled": stalled})


def _recovered(status: SourceStatus, as_of: datetime) -> SourceStatus:
    """After a pass with nothing to do: what a transient failure said no longer holds."""
    stalled = status.condition("Stalled")
    if stalled is not None:
        ready: Told = ("False", stalled.reason, stalled.message)
    else:
        ready = ("True", "Applied", f"{status.last_applied_revision} is in force")
    return with_conditions(status, as_of, {"Ready": ready, "Reconciling": None})
