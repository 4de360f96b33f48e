"""Policies, and running one now."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel

from controller.api.access import Manager, Technician, Viewer
from controller.api.inputs import Execution, IfMatch, JsonObject
from controller.api.listing import Listing, PageOf, cut
from controller.api.object_writes import (
    POLICIES,
    change_object,
    create_object,
    delete_object,
    read_object,
)
from controller.api.route import Route
from controller.fleet.objects import PolicyView, existing, policy_view
from controller.model.managed import ManagedBy
from controller.model.terms import CisLevel, TargetOs

router = APIRouter(prefix="/api/v1/compliance/policies", tags=["policies"], route_class=Route)
PolicyOrder = Literal["id", "name", "cis_level", "target_os", "passing_score_threshold"]


class Executed(BaseModel):
    """An accepted request to evaluate now."""

    policy_id: str
    agents: int
    """How many machines will be asked."""


@router.get("")
def list_policies(
    call: Viewer,
    paging: PageOf,
    enabled: bool | None = None,
    cis_level: CisLevel | None = None,
    target_os: TargetOs | None = None,
    managed_by: ManagedBy | None = None,
    sort_by: PolicyOrder | Literal["created_at", "updated_at"] = "id",
) -> Listing[PolicyView]:
    """Policies, whoever manages them."""
    with call.read() as reading:
        totals = reading.fleet_totals(call.as_of)
        policies = sorted(reading.in_force().policies.values(), key=lambda each: each.id)
        found = [
            each
            for each in policies
            if (enabled is None or each.document.enabled == enabled)
            and (cis_level is None or each.document.cis_level == cis_level)
            and (target_os is None or each.document.target_os == target_os)
            and (managed_by is None or each.managed_by == managed_by)
        ]
        timed = sort_by in {"created_at", "updated_at"}
        return cut(
            found,
            paging,
            key=lambda each: getattr(each if timed else each.document, sort_by),
            texts=lambda each: (each.id, each.document.name, each.document.description),
            show=lambda each: policy_view(reading, each, call.as_of, totals),
        )


@router.post("", status_code=201)
def create_policy(call: Manager, body: JsonObject, response: Response) -> PolicyView:
    """Make a policy; without an ``id`` one is made from the name."""
    id_, shown = create_object(call, POLICIES, body)
    response.headers["Location"] = f"{router.prefix}/{id_}"
    return shown


@router.get("/{id}")
def read_policy(id: str, call: Viewer) -> PolicyView:
    """One policy."""
    return read_object(call, POLICIES, id)


@router.put("/{id}")
def change_policy(id: str, call: Manager, body: JsonObject, if_match: IfMatch = None) -> PolicyView:
    """Change the fields given; lists and maps replace, null restores the default."""
    return change_object(call, POLICIES, id, body, if_match)


@router.delete("/{id}", status_code=204)
def delete_policy(id: str, call: Manager, if_match: IfMatch = None) -> None:
    """Delete a policy."""
    delete_object(call, POLICIES, id, if_match)


@router.post("/{id}/execute", status_code=202)
def execute_policy(
    id: str, call: Technician, body: Annotated[Execution | None, Body()] = None
) -> Executed:
    """Have the machines evaluate now, instead of when it is due."""
    with call.store.write() as writing:
        existing(writing.in_force().policies, "policy", id)
        uuids = body.agent_uuids if body else None
        count = writing.request_execution(id, uuids, actor=call.actor, as_of=call.as_of)
    return Executed(policy_id=id, agents=count)
