"""Sources, revisions and events; and what a person may tell a source to do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel

from controller.api.access import Admin, Manager, Viewer
from controller.api.inputs import Confirmation, PlanInput, ProposalInput, SourceChoice, Suspension
from controller.api.listing import Listing, PageOf, envelope
from controller.api.route import MOST_BYTES, Route
from controller.errors import NotFoundError
from controller.fleet.trace import Trace, trace
from controller.model.notice import Notice
from controller.model.source import RevisionRecord, SourceStatus
from controller.reconcile import operations
from controller.reconcile.preview import MAX_BYTES, PlanRequest
from controller.reconcile.proposals import Proposed
from controller.store.port.sources import Event
from controller.store.port.trail import AuditEntry

router = APIRouter(prefix="/api/v1/gitops", tags=["gitops"], route_class=Route)


class Status(BaseModel):
    """Every source with what is known about it."""

    sources: tuple[SourceStatus, ...]


class Retried(BaseModel):
    """A message that will be tried again."""

    number: int


class Requested(BaseModel):
    """A pass that was asked for: done once the source's ``handled_request`` reaches the token."""

    source: str
    request_token: int


@router.get("/status")
def status(call: Viewer) -> Status:
    """What each source observed, attempted and applied, and what is wrong."""
    with call.read() as reading:
        return Status(sources=tuple(reading.sources()))


@router.get("/revisions")
def revisions(call: Viewer, paging: PageOf) -> Listing[RevisionRecord]:
    """Every revision that was tried, newest first."""
    with call.read() as reading:
        page = reading.revisions(paging.stored_page, paging.per_page)
    return envelope(page.items, page.total, paging)


@router.get("/revisions/{sha}")
def revision(sha: str, call: Viewer) -> RevisionRecord:
    """One revision, by its full commit."""
    with call.read() as reading:
        found = reading.revision(sha)
    if found is None:
        raise NotFoundError(f"no revision {sha[:64]!r} was tried here")
    return found


@router.get("/events")
def events(call: Viewer, paging: PageOf) -> Listing[Event]:
    """What happened to objects, newest first."""
    with call.read() as reading:
        page = reading.events(paging.stored_page, paging.per_page)
    return envelope(page.items, page.total, paging)


@router.get("/notifications")
def notifications(call: Viewer, paging: PageOf, dead: bool = False) -> Listing[Notice]:
    """Messages that wait for their target, or with ``dead`` those that were given up."""
    with call.read() as reading:
        page = reading.notices(paging.stored_page, paging.per_page, dead=dead)
    return envelope(page.items, page.total, paging)


@router.post("/notifications/{id}/retry", status_code=202)
def retry(id: Annotated[int, Path(ge=1, le=2**62)], call: Admin) -> Retried:
    """Try a message again that was given up."""
    with call.store.write() as writing:
        if not writing.revive_notice(id, actor=call.actor, as_of=call.as_of):
            raise NotFoundError(f"no message {id} was given up")
    return Retried(number=id)


@router.get("/trace")
def trace_object(call: Viewer, object: Annotated[str, Query(max_length=200)]) -> Trace:
    """From an object, such as ``policy/win-l1``, to file, line, commit and author."""
    with call.read() as reading:
        return trace(reading, object)


@router.get("/audit")
def audit(call: Admin, paging: PageOf) -> Listing[AuditEntry]:
    """Who did what, newest first; each entry is chained to the one before it."""
    with call.read() as reading:
        page = reading.audit(paging.stored_page, paging.per_page)
    return envelope(page.items, page.total, paging)


@router.post("/plan", openapi_extra={MOST_BYTES: MAX_BYTES})
def plan(call: Viewer, body: Annotated[PlanInput | None, Body()] = None) -> dict[str, Any]:
    """What merging would change, and what that would do to every machine's score."""
    preview = call.services.preview
    if preview is None:
        raise NotFoundError("this controller reconciles no source, so there is nothing to plan")
    wanted = body or PlanInput()
    request = PlanRequest(
        wanted.base, wanted.head, wanted.files or {}, wanted.movers, wanted.source
    )
    return preview.preview(request, call.as_of)


@router.post("/proposals", status_code=201)
def propose(call: Manager, body: ProposalInput) -> Proposed:
    """Push a change as a new branch with the caller as author; never the branch that is reconciled."""
    proposals = call.services.proposals
    if proposals is None:
        raise NotFoundError("this controller reconciles no remote repository to push a branch to")
    return proposals.propose(body.patch, body.title, call.actor, call.as_of, body.source)


@router.post("/reconcile", status_code=202)
def reconcile(call: Admin, body: Annotated[SourceChoice | None, Body()] = None) -> Requested:
    """Ask for a pass now. It goes past no guard."""
    name = (body.source if body else None) or operations.only_source(call.store)
    token = operations.request(call.store, name, call.actor, call.as_of)
    call.services.wake(name)
    return Requested(source=name, request_token=token)


@router.post("/confirm")
def confirm(call: Admin, body: Confirmation) -> SourceStatus:
    """Release the held plan that has this digest, and no other."""
    status = operations.confirm(call.store, body.source, body.digest, call.actor, call.as_of)
    call.services.wake(status.name)
    return status


@router.post("/suspend")
def suspend(call: Admin, body: Suspension) -> SourceStatus:
    """Stop taking revisions; what is in force stays."""
    return operations.suspend(
        call.store, body.source, body.reason, body.until, call.actor, call.as_of
    )


@router.post("/resume")
def resume(call: Admin, body: Annotated[SourceChoice | None, Body()] = None) -> SourceStatus:
    """Take revisions again, at once."""
    chosen = body.source if body else None
    status = operations.resume(call.store, chosen, call.actor, call.as_of)
    call.services.wake(status.name)
    return status
