"""Machines, as enrolled and as scored. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.model.terms import EnrollmentStatus, Platform


@dataclass(frozen=True, slots=True)
class Machine:
    """An enrolled machine. ``number`` is its small integer in the store; ``uuid`` its public id."""

    number: int
    uuid: str
    hostname: str
    """A label that the agent claims; never an identity."""
    os: Platform
    arch: str
    os_version: str
    agent_version: str
    tags: tuple[str, ...]
    """Set by administrators or by the enrolment key, never claimed by the agent."""
    status: EnrollmentStatus
    created_at: datetime
    approved_at: datetime | None
    approved_by: str | None
    last_seen: datetime | None
    reported_at: datetime | None
    """Receipt of the report that its posture comes from."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One check as an agent is asked to run it."""

    check_id: str
    digest: str
    cis_id: str | None
    check_type: str
    query: str
    comparison_operator: str
    expected_result: dict[str, str] | str | None
    applies_when: str | None = None
