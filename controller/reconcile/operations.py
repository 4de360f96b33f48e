"""What a person may tell a source to do; each leaves a row in the audit trail.

Used by the API and the command line alike, beside a running controller: every one is a single short
write transaction, and the source's loop notices it by itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from controller.errors import ConflictError, NotFoundError, RejectedError
from controller.model.conditions import SUSPENDED_REASON
from controller.model.source import SourceStatus
from controller.store.port.sources import Event
from controller.store.port.store import Reading, Store


def only_source(store: Store) -> str:
    """The name of the one source there is.

    Raises:
        NotFoundError: There is none, or more than one.
    """
    with store.read() as reading:
        return _named(reading, None).name


def request(store: Store, source: str | None, actor: str, as_of: datetime) -> int:
    """Ask for a pass now; its number, which ``handled_request`` reaches once it is done.

    Raises:
        NotFoundError: No such source.
    """
    with store.write() as writing:
        name = _named(writing, source).name
        number = writing.request_reconcile(name, actor, as_of)
        writing.add_audit(actor, "reconcile", f"source/{name}", as_of, detail={"request": number})
    return number


def confirm(
    store: Store, source: str | None, digest: str, actor: str, as_of: datetime
) -> SourceStatus:
    """Release the plan that is held, and no other.

    Args:
        store: Where the source's status is.
        source: Its name; none when the digest, or there being one source, says which.
        digest: As shown by ``gitward status``.
        actor: Who takes the responsibility.
        as_of: Now.

    Raises:
        NotFoundError: Nothing is held.
        ConflictError: Another plan is held now.
    """
    with store.write() as writing:
        candidates = writing.sources() if source is None else (_named(writing, source),)
        held = [status for status in candidates if status.held_plan is not None]
        if not held:
            raise NotFoundError("no plan is held; there is nothing to confirm")
        status = next((s for s in held if s.held_plan and s.held_plan.digest == digest), None)
        if status is None or status.held_plan is None:
            now = ", ".join(f"{s.name}: {s.held_plan.digest}" for s in held if s.held_plan)
            raise ConflictError(
                f"the plan {digest} is not the one that is held now ({now}); look at it with "
                "gitward status, then confirm its digest"
            )
        status = replace(status, confirmed_digest=digest)
        writing.save_source(status)
        writing.add_audit(
            actor,
            "confirm",
            f"source/{status.name}",
            as_of,
            revision=status.held_plan.revision if status.held_plan else "",
            detail={"digest": digest},
        )
    return status


def suspend(
    store: Store,
    source: str | None,
    reason: str,
    until: datetime | None,
    actor: str,
    as_of: datetime,
) -> SourceStatus:
    """Stop taking revisions until resumed or until a moment; what is in force stays.

    Raises:
        NotFoundError: No such source.
        RejectedError: No reason given, or ``until`` is not in the future.
    """
    if not reason.strip():
        raise RejectedError("say why it is suspended", (("reason", "must not be blank"),))
    if until is not None and until <= as_of:
        raise RejectedError(
            "the end of the suspension is over already", (("until", "must be later"),)
        )
    with store.write() as writing:
        status = replace(
            _named(writing, source),
            suspended=True,
            suspend_reason=reason.strip(),
            suspend_until=until,
            suspended_by=actor,
        )
        writing.save_source(status)
        detail = {"reason": status.suspend_reason, "until": until.isoformat() if until else None}
        about = f"source/{status.name}"
        writing.add_audit(actor, "suspend", about, as_of, detail=detail)
        revision = status.last_applied_revision or ""
        message = f"suspended by {actor}: {status.suspend_reason}"
        event = Event(as_of, about, SUSPENDED_REASON, revision, message)
        writing.add_event(event)
        writing.tell(event, status.name)
    return status


def resume(store: Store, source: str | None, actor: str, as_of: datetime) -> SourceStatus:
    """Take revisions again, at once.

    Raises:
        NotFoundError: No such source.
    """
    with store.write() as writing:
        before = _named(writing, source)
        status = resumed(before)
        writing.save_source(status)
        writing.request_reconcile(status.name, actor, as_of)
        detail = {"was": before.suspend_reason}
        writing.add_audit(actor, "resume", f"source/{status.name}", as_of, detail=detail)
    return status


def resumed(status: SourceStatus) -> SourceStatus:
    """The status without any suspension. Pure."""
    return replace(
        status, suspended=False, suspend_reason=None, suspend_until=None, suspended_by=None
    )


def _named(reading: Reading, name: str | None) -> SourceStatus:
    if name is not None:
        status = reading.source(name)
        if status is None:
            raise NotFoundError(f"there is no source {name!r}")
        return status
    known = reading.sources()
    sources = [each for each in known if not each.removed] or known
    if len(sources) != 1:
        names = ", ".join(each.name for each in sources) or "none"
        raise NotFoundError(f"name the source; there are: {names}")
    return sources[0]
