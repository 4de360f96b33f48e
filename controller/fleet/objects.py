"""Policies, checks and exceptions in force, with who manages them and what they touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from controller.errors import NotFoundError
from controller.fleet.provenance import GitPlace, git_place
from controller.model.configuration import D_co
from controller.model.documents import Check, Document, Policy, Waiver
from controller.model.managed import Managed, ManagedBy
from controller.model.terms import WaiverState
from controller.scoring.waivers import covers, state
from controller.store.port.configuration import InForce
from controller.store.port.fleet import FleetTotals
from controller.store.port.store import Reading

_ANSWER = ConfigDict(json_schema_serialization_defaults_required=True)


class PolicyView(Policy):
    """A policy in force."""

    model_config = _ANSWER
    managed_by: ManagedBy
    git: GitPlace | None
    check_count: int
    agent_count: int
    created_at: datetime
    updated_at: datetime


class CheckView(Check):
    """A check in force."""

    model_config = _ANSWER
    managed_by: ManagedBy
    git: GitPlace | None
    created_at: datetime
    updated_at: datetime


class ExceptionView(Waiver):
    """An exception, in force or not."""

    model_config = _ANSWER
    state: WaiverState
    agents_affected: int
    """Approved machines that its selector takes in."""
    managed_by: ManagedBy
    git: GitPlace | None
    created_at: datetime
    updated_at: datetime


def _fields(document: Document) -> dict[str, Any]:
    return {name: getattr(document, name) for name in type(document).model_fields}


def policy_view(
    reading: Reading,
    policy: Managed[Policy],
    as_of: datetime,
    totals: FleetTotals | None = None,
) -> PolicyView:
    """A policy with the sizes of what it touches.

    Args:
        reading: The snapshot.
        policy: The policy as managed.
        as_of: Now.
        totals: The fleet's, where the caller shows many policies and has read them once.
    """
    mine = (totals or reading.fleet_totals(as_of)).policies.get(policy.id)
    return PolicyView.model_construct(
        **_fields(policy.document),
        managed_by=policy.managed_by,
        git=git_place(policy),
        check_count=len(reading.in_force().rulebook.selected[policy.id]),
        agent_count=mine.agents if mine else 0,
        created_at=policy.created_at,
        updated_at=policy.updated_at,
    )


def check_view(check: Managed[Check]) -> CheckView:
    """A check with its manager."""
    return CheckView.model_construct(
        **_fields(check.document),
        managed_by=check.managed_by,
        git=git_place(check),
        created_at=check.created_at,
        updated_at=check.updated_at,
    )


def exception_view(reading: Reading, waiver: Managed[Waiver], as_of: datetime) -> ExceptionView:
    """An exception with its state at an instant and the machines it takes in."""
    return ExceptionView.model_construct(
        **_fields(waiver.document),
        state=exception_state(reading.in_force(), waiver, as_of),
        agents_affected=reading.matching_machines(waiver.document),
        managed_by=waiver.managed_by,
        git=git_place(waiver),
        created_at=waiver.created_at,
        updated_at=waiver.updated_at,
    )


def exception_state(in_force: InForce, waiver: Managed[Waiver], as_of: datetime) -> WaiverState:
    """Where an exception stands in its life."""
    return state(waiver, as_of, in_force.settings.exceptions.warn_days, in_force.rulebook.ended)


def exceptions_matching(
    reading: Reading,
    as_of: datetime,
    *,
    wanted: WaiverState | None = None,
    check_id: str | None = None,
    agent_uuid: str | None = None,
) -> list[Managed[Waiver]]:
    """Exceptions by state, check and machine; ``active`` takes in those that expire soon."""
    in_force = reading.in_force()
    found: Iterable[Managed[Waiver]] = in_force.waivers.values()
    if check_id is not None:
        found = [waiver for waiver in found if check_id in waiver.document.checks]
    if agent_uuid is not None:
        machine = reading.machine(agent_uuid)
        tags = frozenset(machine.tags) if machine else frozenset()
        found = [
            waiver
            for waiver in found
            if machine and covers(waiver.document, uuid=agent_uuid, tags=tags)
        ]
    if wanted is not None:
        accepted = {"active", "expiring"} if wanted == "active" else {wanted}
        found = [w for w in found if exception_state(in_force, w, as_of) in accepted]
    return list(found)


def existing(objects: Mapping[str, Managed[D_co]], kind: str, id_: str) -> Managed[D_co]:
    """The object with that id.

    Raises:
        NotFoundError: There is none.
    """
    found = objects.get(id_)
    if found is None:
        raise NotFoundError(f"no {kind} {id_[:100]!r}")
    return found
