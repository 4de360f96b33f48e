"""Exceptions: checks that are left out of scores, where and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from controller.api.access import Manager, Viewer
from controller.api.inputs import IfMatch, JsonObject
from controller.api.listing import Listing, PageOf, cut
from controller.api.object_writes import (
    EXCEPTIONS,
    change_object,
    create_object,
    delete_object,
    read_object,
)
from controller.api.route import Route
from controller.fleet.objects import ExceptionView, exception_view, exceptions_matching
from controller.model.terms import WaiverState

router = APIRouter(prefix="/api/v1/compliance/exceptions", tags=["exceptions"], route_class=Route)
ExceptionOrder = Literal["id", "expires_at", "scope", "category", "created_at", "updated_at"]
State = Annotated[
    WaiverState | None, Query(description="active takes in those that expire soon (expiring).")
]


@router.get("")
def list_exceptions(
    call: Viewer,
    paging: PageOf,
    state: State = None,
    check_id: str | None = None,
    agent_uuid: str | None = None,
    sort_by: ExceptionOrder = "id",
) -> Listing[ExceptionView]:
    """Exceptions, by state, by check, or by the machine that they take in."""
    with call.read() as reading:
        found = exceptions_matching(
            reading, call.as_of, wanted=state, check_id=check_id, agent_uuid=agent_uuid
        )
        timed = sort_by in {"created_at", "updated_at"}
        return cut(
            sorted(found, key=lambda each: each.id),
            paging,
            key=lambda each: getattr(each if timed else each.document, sort_by),
            texts=lambda each: (each.id, each.document.reason, *each.document.checks),
            show=lambda each: exception_view(reading, each, call.as_of),
        )


@router.post("", status_code=201)
def create_exception(call: Manager, body: JsonObject, response: Response) -> ExceptionView:
    """Make an exception; git's rules for exceptions hold here too."""
    id_, shown = create_object(call, EXCEPTIONS, body)
    response.headers["Location"] = f"{router.prefix}/{id_}"
    return shown


@router.get("/{id}")
def read_exception(id: str, call: Viewer) -> ExceptionView:
    """One exception."""
    return read_object(call, EXCEPTIONS, id)


@router.put("/{id}")
def change_exception(
    id: str, call: Manager, body: JsonObject, if_match: IfMatch = None
) -> ExceptionView:
    """Change the fields given; lists and maps replace, null restores the default."""
    return change_object(call, EXCEPTIONS, id, body, if_match)


@router.delete("/{id}", status_code=204)
def delete_exception(id: str, call: Manager, if_match: IfMatch = None) -> None:
    """Delete an exception; what it exempted counts again at once."""
    delete_object(call, EXCEPTIONS, id, if_match)
