"""When an exception is active, and what it covers. Pure.

There is one ``active`` for every path: scores, lists, plans and forecasts all ask here.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from controller.model.documents import Waiver
from controller.model.managed import Managed
from controller.model.terms import WaiverState

Ended = AbstractSet[tuple[str, datetime]]
"""Pairs of exception id and ``expires_at`` that have ended once; they never come back."""


def starts_at(waiver: Managed[Waiver]) -> datetime:
    """When it begins: as the document says, else when its id was first applied."""
    return waiver.document.starts_at or waiver.created_at


def active(waiver: Managed[Waiver], at: datetime, ended: Ended = frozenset()) -> bool:
    """Whether it is in force at an instant: half-open, ``starts_at <= at < expires_at``.

    Args:
        waiver: The exception as managed.
        at: The instant, aware, in UTC.
        ended: What has ended before, so that a clock that jumps back revives nothing.
    """
    if at < starts_at(waiver):
        return False
    expires = waiver.document.expires_at
    return expires is None or (at < expires and (waiver.id, expires) not in ended)


def state(
    waiver: Managed[Waiver], at: datetime, warn_days: int, ended: Ended = frozenset()
) -> WaiverState:
    """The word for where it stands in its life; ``expiring`` is active with few days left."""
    expires = waiver.document.expires_at
    if active(waiver, at, ended):
        near = expires is not None and expires - at <= timedelta(days=warn_days)
        return "expiring" if near else "active"
    return "scheduled" if at < starts_at(waiver) else "expired"


def covers(
    waiver: Waiver, *, uuid: str, tags: AbstractSet[str], policy_id: str | None = None
) -> bool:
    """Whether its selector takes in a machine, and under which policy.

    Args:
        waiver: The exception's document.
        uuid: The machine.
        tags: The machine's tags.
        policy_id: The policy in question; none asks about any policy at all.
    """
    match waiver.scope:
        case "global":
            return True
        case "agent":
            return uuid in waiver.agents
        case "tag":
            return waiver.tag in tags
        case "policy":
            return policy_id is None or policy_id == waiver.policy_id
