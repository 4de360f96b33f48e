"""Machines as lists show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.fleet.scores import unknown_machine
from controller.model.machine import Machine
from controller.model.terms import EnrollmentStatus, Platform, RiskLevel
from controller.scoring.score import percent
from controller.store.port.machines import MachineQuery
from controller.store.port.page import Page
from controller.store.port.store import Reading


@dataclass(frozen=True, slots=True)
class MachineEntry:
    """A machine with its overall score."""

    uuid: str
    hostname: str
    os: Platform
    os_version: str
    arch: str
    agent_version: str
    status: EnrollmentStatus
    tags: tuple[str, ...]
    score: float | None
    risk_level: RiskLevel
    compliant: bool | None
    stale: bool
    last_seen: datetime | None
    reported_at: datetime | None
    created_at: datetime
    approved_at: datetime | None
    approved_by: str | None


def machine_list(reading: Reading, query: MachineQuery, as_of: datetime) -> Page[MachineEntry]:
    """One page of machines, with their stored overall standing."""
    page = reading.machines(query, as_of)
    return Page(
        tuple(
            _entry(
                row.machine,
                row.stale,
                row.standing.hundredths if row.standing else None,
                row.standing.risk if row.standing else "unknown",
                row.standing.compliant if row.standing else None,
            )
            for row in page.items
        ),
        page.total,
    )


def machine_entry(reading: Reading, uuid: str, as_of: datetime) -> MachineEntry:
    """One machine, approved or not, with its score now.

    Raises:
        NotFoundError: It does not exist.
    """
    state = reading.machine_state(uuid, as_of)
    if state is None:
        raise unknown_machine(uuid)
    machine = state.machine
    if machine.status != "approved":
        return _entry(machine, False, None, "unknown", None)
    moment = reading.moment(as_of)
    overall = moment.score(machine.uuid, machine.os, machine.tags, state.posture).overall
    return _entry(machine, state.stale, overall.hundredths, overall.risk_level, overall.compliant)


def _entry(
    machine: Machine,
    stale: bool,
    hundredths: int | None,
    risk: RiskLevel,
    compliant: bool | None,
) -> MachineEntry:
    return MachineEntry(
        uuid=machine.uuid,
        hostname=machine.hostname,
        os=machine.os,
        os_version=machine.os_version,
        arch=machine.arch,
        agent_version=machine.agent_version,
        status=machine.status,
        tags=machine.tags,
        score=percent(hundredths),
        risk_level=risk,
        compliant=compliant,
        stale=stale,
        last_seen=machine.last_seen,
        reported_at=machine.reported_at,
        created_at=machine.created_at,
        approved_at=machine.approved_at,
        approved_by=machine.approved_by,
    )
