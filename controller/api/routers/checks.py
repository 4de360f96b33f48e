"""Checks, and importing the built-in ones."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from controller.api.access import Manager, Viewer
from controller.api.inputs import IfMatch, JsonObject
from controller.api.listing import Listing, PageOf, cut
from controller.api.object_writes import (
    CHECKS,
    change_object,
    create_object,
    delete_object,
    read_object,
)
from controller.api.proposal import offering_patch
from controller.api.route import Route
from controller.config.builtin import builtin_checks
from controller.fleet.objects import CheckView, check_view
from controller.model.managed import ManagedBy
from controller.model.terms import SEVERITIES, CisLevel, Platform, Severity

router = APIRouter(prefix="/api/v1/compliance/checks", tags=["checks"], route_class=Route)
CheckOrder = Literal["id", "title", "category", "severity", "cis_level"]


class Seeded(BaseModel):
    """What became of the built-in checks."""

    created: int
    updated: int
    unchanged: int
    git_managed: tuple[str, ...]
    """Left alone: git declares these ids."""


@router.get("")
def list_checks(
    call: Viewer,
    paging: PageOf,
    category: str | None = None,
    severity: Severity | None = None,
    cis_level: CisLevel | None = None,
    platform: Platform | None = None,
    managed_by: ManagedBy | None = None,
    sort_by: CheckOrder = "id",
) -> Listing[CheckView]:
    """Checks, whoever manages them."""
    with call.read() as reading:
        checks = sorted(reading.in_force().checks.values(), key=lambda each: each.id)
    found = [
        each
        for each in checks
        if (category is None or each.document.category == category)
        and (severity is None or each.document.severity == severity)
        and (cis_level is None or each.document.cis_level == cis_level)
        and (platform is None or platform in each.document.platforms)
        and (managed_by is None or each.managed_by == managed_by)
    ]
    by_severity = sort_by == "severity"
    return cut(
        found,
        paging,
        key=lambda each: (
            SEVERITIES.index(each.document.severity)
            if by_severity
            else getattr(each.document, sort_by)
        ),
        texts=lambda each: (each.id, each.document.title, each.document.description),
        show=check_view,
    )


@router.post("", status_code=201)
def create_check(call: Manager, body: JsonObject, response: Response) -> CheckView:
    """Make a check; without an ``id`` one is made from the title."""
    id_, shown = create_object(call, CHECKS, body)
    response.headers["Location"] = f"{router.prefix}/{id_}"
    return shown


@router.post("/seed")
def seed(call: Manager) -> Seeded:
    """Import the built-in catalogs; again and again without harm."""
    checks = builtin_checks()
    with offering_patch(call, "check", removed="*"), call.store.write() as writing:
        created, updated, unchanged, git_managed = writing.seed_checks(
            checks, actor=call.actor, as_of=call.as_of
        )
    return Seeded(created=created, updated=updated, unchanged=unchanged, git_managed=git_managed)


@router.get("/{id}")
def read_check(id: str, call: Viewer) -> CheckView:
    """One check."""
    return read_object(call, CHECKS, id)


@router.put("/{id}")
def change_check(id: str, call: Manager, body: JsonObject, if_match: IfMatch = None) -> CheckView:
    """Change the fields given; lists and maps replace, null restores the default."""
    return change_object(call, CHECKS, id, body, if_match)


@router.delete("/{id}", status_code=204)
def delete_check(id: str, call: Manager, if_match: IfMatch = None) -> None:
    """Delete a check."""
    delete_object(call, CHECKS, id, if_match)
