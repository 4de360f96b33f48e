"""The fleet's counters, and what moved them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over machines, of one policy or of all; scores are summed in hundredths."""

    agents: int = 0
    assessed: int = 0
    compliant: int = 0
    score_sum: int = 0
    bare_assessed: int = 0
    bare_compliant: int = 0
    bare_score_sum: int = 0
    risk: Mapping[str, int] = field(default_factory=dict)
    """All five risk levels."""


@dataclass(frozen=True, slots=True)
class CheckTotals:
    """Over all machines, one check's outcomes in force: exempted ones are in ``exempted`` alone."""

    passed: int = 0
    failed: int = 0
    errored: int = 0
    exempted: int = 0


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """The fleet's counters: always of exactly one configuration."""

    revision: str | None
    overall: Totals
    policies: Mapping[str, Totals]
    checks: Mapping[str, CheckTotals]
    """By check id; only checks in force."""
    stale: int
    as_of: datetime
    """When the counters last changed."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The last state of a day (UTC)."""

    day: date
    totals: Totals


CauseKind = Literal[
    "report", "commit", "exception_start", "exception_end", "api", "tags", "enrollment"
]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a score changed: ``ref`` is a report id, a revision, an exception id, a principal."""

    kind: CauseKind
    ref: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """What one change of judgement did to the fleet as a whole."""

    at: datetime
    cause: Cause
    before: Totals
    after: Totals | None
    """None while its chunks are still going on, and for good when another change overtook it."""


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """One movement of a machine's score, overall or under one policy."""

    at: datetime
    policy_id: str | None
    hundredths: int | None
    risk: str
    compliant: bool | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class OutcomeChange:
    """One movement of a check's raw outcome on a machine."""

    at: datetime
    check_id: str
    before: str
    after: str


class FleetReading(Protocol):
    """Counters and their history in a snapshot."""

    def fleet_totals(self, as_of: datetime) -> FleetTotals: ...
    def reported_since(self, since: datetime, most: int) -> int | None:
        """How many machines have reported since then.

        Counts at most so many that have and so many that have not, so that it costs the same at any
        size; none when both are more.
        """
        ...

    def stale_machines(self, as_of: datetime) -> int:
        """How many approved machines are overdue; the one total that time alone moves."""
        ...

    def trend(self, since: date) -> Sequence[TrendPoint]:
        """Stored points, ascending; days without a change have none."""
        ...

    def movements(
        self, since: datetime, kind: CauseKind | None = None, limit: int = 200
    ) -> Sequence[Movement]:
        """The newest changes of judgement since then, ascending: commits, exceptions, API writes."""
        ...

    def movements_of(self, refs: Sequence[str]) -> Mapping[str, Movement]:
        """The newest movement of each cause, by its ``ref``; those that have none are left out."""
        ...

    def overall_before(self, number: int, at: datetime) -> int | None:
        """The overall score in hundredths that a machine had at a moment.

        None when it had none then, or its history does not reach back so far.
        """
        ...

    def score_history(
        self, uuid: str, since: datetime, policy_id: str | None
    ) -> Sequence[ScoreChange]: ...
    def outcome_history(self, uuid: str, since: datetime) -> Sequence[OutcomeChange]: ...
