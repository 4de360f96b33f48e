"""How a machine's score moved, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from controller.fleet.scores import approved_state
from controller.model.terms import RiskLevel
from controller.scoring.score import percent
from controller.store.port.fleet import CauseKind
from controller.store.port.store import Reading


@dataclass(frozen=True, slots=True)
class PointCause:
    """Why the score moved: ``ref`` is a report id, a revision, an exception id or a principal."""

    kind: CauseKind
    ref: str
    detail: str


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """A score from this time on."""

    at: datetime
    score: float | None
    risk_level: RiskLevel
    compliant: bool | None
    cause: PointCause


@dataclass(frozen=True, slots=True)
class History:
    """A machine's score changes, oldest first."""

    agent_uuid: str
    points: tuple[HistoryPoint, ...]


def machine_history(
    reading: Reading, uuid: str, as_of: datetime, days: int, policy_id: str | None = None
) -> History:
    """A machine's score changes of the last days, overall or under one policy.

    Raises:
        NotFoundError: It does not exist, or nobody has approved it.
    """
    approved_state(reading, uuid, as_of)
    # From midnight on, so that the answer stays the same for a day while nothing happens.
    since = (as_of - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    return History(
        agent_uuid=uuid,
        points=tuple(
            HistoryPoint(
                at=change.at,
                score=percent(change.hundredths),
                risk_level=cast("RiskLevel", change.risk),
                compliant=change.compliant,
                cause=PointCause(change.cause.kind, change.cause.ref, change.cause.detail),
            )
            for change in reading.score_history(uuid, since, policy_id)
        ),
    )
