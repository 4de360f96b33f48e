"""The form of a plan that a controller answers with, as far as this command line prints it.

An older or a foreign server may answer 200 with something else; what is printed and gated is only what
has this form. More members than these are fine: a newer controller may say more.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import msgspec

Effect = Literal["strengthens", "neutral", "weakens"]
Op = Literal["add", "change", "move", "adopt", "delete"]
Risk = Literal["critical", "high", "medium", "low", "unknown"]


class Field(TypedDict("_Field", {"from": object, "to": object})):
    """A field that differs."""

    field: str


class Weighed(TypedDict):
    """How a change weakens."""

    by: str
    fleet: dict[str, int | float | None] | None


class Few(TypedDict):
    """How much one change weighs."""

    agents: int
    failing: int | None


class Operation(TypedDict):
    """One change."""

    op: Op
    kind: Literal["policy", "check", "exception"]
    id: str
    path: str
    line: int
    previous_path: str | None
    fields: list[Field]
    effect: Effect
    weakens: list[Weighed]
    protected: bool
    expired: bool
    hint: str | None
    fleet: Few | None


class Verdict(TypedDict):
    """A score."""

    score: float | None
    risk_level: Risk
    compliant: bool | None


class Sums(TypedDict):
    """Of the fleet, or of a policy's machines."""

    average_score: float | None
    compliant_percentage: float | None
    compliant_agents: int
    risk_distribution: dict[Risk, int]


class Mover(TypedDict):
    """A machine that changes."""

    hostname: str
    before: Verdict
    after: Verdict


class Policy(TypedDict):
    """What happens under one policy."""

    policy_id: str
    before: Sums | None
    after: Sums | None
    newly_noncompliant: int
    newly_compliant: int
    no_longer_assessed: int


class Exempted(TypedDict):
    """Results that become or stop being exempted."""

    pairs: int
    failing: int


class Covered(TypedDict):
    """An exception under review."""

    id: str
    agents: int
    hostnames: list[str]
    pairs: int
    hides_failing: int
    average_before: float | None
    average_after: float | None
    average_at_end: float | None


class Impact(TypedDict):
    """What it does to the fleet."""

    agents_total: int
    complete_share: float
    before: Sums
    after: Sums
    agents_changed: int
    newly_noncompliant: int
    newly_compliant: int
    no_longer_assessed: int
    agents: list[Mover]
    policies: list[Policy]
    newly_exempted: Exempted
    no_longer_exempted: Exempted
    needs_report: list[str]
    exceptions: list[Covered]
    ends_left_out: int
    severities_left_out: int


class PlanBody(TypedDict):
    """All of it."""

    base: str
    head: str
    digest: str
    counts: dict[Op, int]
    held: str | None
    operations: list[Operation]
    settings: list[Field]
    settings_effect: Effect
    impact: Impact


def is_plan(body: dict[str, Any]) -> bool:
    """Whether an answer is a plan with its impact."""
    try:
        plan = msgspec.convert(body, PlanBody)
    except msgspec.ValidationError:
        return False
    impact = plan["impact"]
    risks = impact["before"]["risk_distribution"], impact["after"]["risk_distribution"]
    return risks[0].keys() == risks[1].keys() and 0 <= impact["complete_share"] <= 1
