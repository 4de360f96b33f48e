"""What a pass leaves behind in the store: the status, a row of history, an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from controller.model.source import RevisionRecord, RevisionResult, SourceStatus
from controller.reconcile.ending import Ending, EndKind
from controller.reconcile.summarize import summarize, with_verification
from controller.reconcile.work import Pass
from controller.store.port.sources import Event
from controller.store.port.store import Writing

_FRESH_SECONDS: Final = 30
"""A poll that finds nothing new is noted at most so often: nothing changed, nothing is written."""

_RESULTS: Final[dict[EndKind, RevisionResult]] = {
    "applied": "applied",
    "stalled": "rejected",
    "held": "held",
}


def conclude(writing: Writing, work: Pass, ending: Ending, as_of: datetime) -> bool:
    """Store what is to be said about the source; whether a newer request waits already."""
    before = writing.source(work.name) or work.status
    status = summarize(before, ending, request=work.request, revision=work.revision, as_of=as_of)
    status = with_verification(
        status, ending, trust=before.trust, verified=work.verified, as_of=as_of
    )
    if status != before:
        writing.save_source(status)
    _remember_refusal(writing, work, ending, as_of)
    _tell(writing, work, ending, (before, status), as_of)
    return writing.reconcile_request(work.name) > work.request


def _tell(
    writing: Writing,
    work: Pass,
    ending: Ending,
    turn: tuple[SourceStatus, SourceStatus],
    as_of: datetime,
) -> None:
    """Add the event, and tell those who listen when it is news: a new one, or another state."""
    before, after = turn
    about = f"source/{work.name}"
    was, now = before.condition("Ready"), after.condition("Ready")
    turned = (was and (was.status, was.reason)) != (now and (now.status, now.reason))
    if ending.reason:
        revision = work.revision or before.last_attempted_revision or ""
        event = Event(as_of, about, ending.reason, revision, ending.message)
        if writing.add_event(event) or turned:
            writing.tell(event, work.name)
    elif turned and now is not None:
        # What a passing failure had said no longer holds.
        revision = after.last_attempted_revision or ""
        writing.tell(Event(as_of, about, now.reason, revision, now.message), work.name)


def worth_storing(work: Pass, ending: Ending, as_of: datetime) -> bool:
    """Whether the end of this pass says anything new; asked without a transaction."""
    if ending.kind not in {"settled", "suspended"}:
        return True
    before = work.status
    after = summarize(before, ending, request=work.request, revision=work.revision, as_of=as_of)
    last = before.last_checked_at
    if ending.kind == "settled" and last and (as_of - last).total_seconds() < _FRESH_SECONDS:
        return replace(after, last_checked_at=last) != before
    return after != before


def revision_record(work: Pass, ending: Ending, as_of: datetime) -> RevisionRecord:
    """The revision's row in the history."""
    commit = work.commit
    applied = ending.kind == "applied"
    return RevisionRecord(
        source=work.name,
        revision=work.revision or "",
        sha=work.sha,
        author=commit.author if commit else "",
        subject=commit.subject if commit else "",
        committed_at=commit.committed_at if commit else None,
        attempted_at=as_of,
        result=_RESULTS[ending.kind],
        reason="" if applied else ending.reason,
        applied_at=as_of if applied else None,
        counts={str(op): count for op, count in work.plan.counts().items()} if work.plan else {},
        plan_digest=work.plan.digest if work.plan else None,
        problems=ending.problems,
    )


def _remember_refusal(writing: Writing, work: Pass, ending: Ending, as_of: datetime) -> None:
    """Add a refused or held revision to the history, once."""
    if ending.kind not in {"stalled", "held"} or work.revision is None:
        return
    known = writing.revision(work.sha)
    record = revision_record(work, ending, as_of)
    if known is None or (known.result, known.reason) != (record.result, record.reason):
        writing.record_revision(record)
