"""Machines: list, tags, approval, removal."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from controller.api.access import Admin, Call, Manager, Viewer, ViewerOrSelf
from controller.api.conditional import require_version
from controller.api.inputs import IfMatch, MachineTags
from controller.api.listing import Listing, PageOf, envelope
from controller.api.route import Route
from controller.api.tokens import hash_token
from controller.fleet.machines import MachineEntry, machine_entry, machine_list
from controller.model.terms import EnrollmentStatus, Platform, RiskLevel
from controller.store.port.machines import MachineQuery
from controller.store.port.store import Reading

router = APIRouter(prefix="/api/v1/agents", tags=["agents"], route_class=Route)
AgentOrder = Literal["hostname", "score", "risk_level", "last_seen", "os", "created_at"]


@router.get("")
def list_agents(
    call: Viewer,
    paging: PageOf,
    status: EnrollmentStatus | None = None,
    risk_level: RiskLevel | None = None,
    compliant: bool | None = None,
    assessed: bool | None = None,
    stale: bool | None = None,
    os: Platform | None = None,
    tag: str | None = None,
    policy_id: str | None = None,
    sort_by: AgentOrder = "hostname",
) -> Listing[MachineEntry]:
    """Machines with score, risk, tags and when they were last seen."""
    query = MachineQuery(
        search=paging.search,
        risk=risk_level,
        compliant=compliant,
        assessed=assessed,
        os=os,
        tag=tag,
        stale=stale,
        status=status,
        policy_id=policy_id,
        sort_by=sort_by,
        descending=paging.descending,
        page=paging.stored_page,
        per_page=paging.per_page,
    )
    with call.read() as reading:
        page = machine_list(reading, query, call.as_of)
    return envelope(page.items, page.total, paging)


@router.get("/{uuid}")
def read_agent(uuid: str, call: ViewerOrSelf) -> MachineEntry:
    """One machine."""
    with call.read() as reading:
        return _named(call, reading, uuid)


@router.put("/{uuid}")
def change_agent(
    uuid: str, call: Manager, body: MachineTags, if_match: IfMatch = None
) -> MachineEntry:
    """Set a machine's tags, which decide its policies and exceptions."""
    with call.store.write() as writing:
        before = machine_entry(writing, uuid, call.as_of)
        require_version(if_match, _version(before))
        tags = tuple(sorted(set(body.tags or ())))
        writing.set_machine_tags(uuid, tags, actor=call.actor, as_of=call.as_of)
        return _named(call, writing, uuid)


@router.delete("/{uuid}", status_code=204)
def delete_agent(uuid: str, call: Manager) -> None:
    """Remove a machine; its token stops working at once."""
    with call.store.write() as writing:
        machine_entry(writing, uuid, call.as_of)
        writing.delete_machine(uuid, actor=call.actor, as_of=call.as_of)


@router.post("/{uuid}/approve")
def approve_agent(uuid: str, call: Admin) -> MachineEntry:
    """Let a waiting machine take part."""
    return _decide(call, uuid, "approved")


@router.post("/{uuid}/reject")
def reject_agent(uuid: str, call: Admin) -> MachineEntry:
    """Turn a machine away."""
    return _decide(call, uuid, "rejected")


def _decide(call: Call, uuid: str, status: Literal["approved", "rejected"]) -> MachineEntry:
    with call.store.write() as writing:
        machine_entry(writing, uuid, call.as_of)
        writing.set_machine_status(uuid, status, actor=call.actor, as_of=call.as_of)
        return _named(call, writing, uuid)


def _named(call: Call, reading: Reading, uuid: str) -> MachineEntry:
    entry = machine_entry(reading, uuid, call.as_of)
    call.name_state(reading, _version(entry))
    return entry


def _version(entry: MachineEntry) -> str:
    """Changes with what a person can change."""
    return hash_token("\n".join((entry.status, *entry.tags)))[:12]
