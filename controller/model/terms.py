"""The closed vocabularies, one word for one thing. Pure.

They are literal types rather than enums: the words cross YAML, HTTP and SQL unchanged.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
WEIGHTS: Final[dict[Severity, int]] = {"critical": 10, "high": 5, "medium": 3, "low": 1}
"""Source: the published system's weights, docs/reference/scoring.md."""

RiskLevel = Literal["critical", "high", "medium", "low", "unknown"]
RISK_LEVELS: Final[tuple[RiskLevel, ...]] = get_args(RiskLevel)
RISK_NUMBER: Final[dict[RiskLevel, int]] = {name: number for number, name in enumerate(RISK_LEVELS)}
"""0 is the worst; ``unknown`` is last."""

Outcome = Literal["passed", "failed", "error", "not_applicable", "exempted", "pending"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
ReportedStatus = Literal["passed", "failed", "error", "skipped", "not_applicable"]

Platform = Literal["windows", "darwin", "linux"]
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)
TargetOs = Literal["windows", "darwin", "linux", "all"]

CisLevel = Literal["level_1", "level_2"]
ScheduleType = Literal["continuous", "scheduled", "manual"]
ErrorHandling = Literal["count", "exclude"]
CheckType = Literal["osquery", "registry", "plist", "command"]
Operator = Literal[
    "equals", "not_equals", "contains", "exists", "not_exists", "gte", "lte", "gt", "lt"
]
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
NUMERIC_OPERATORS: Final[frozenset[str]] = frozenset({"gte", "lte", "gt", "lt"})
EXISTENCE_OPERATORS: Final[frozenset[str]] = frozenset({"exists", "not_exists"})
OPERATOR_ALIASES: Final[dict[str, Operator]] = {
    "eq": "equals",
    "ne": "not_equals",
    "neq": "not_equals",
    "not_empty": "exists",
    "empty": "not_exists",
    ">=": "gte",
    "<=": "lte",
    ">": "gt",
    "<": "lt",
}
"""Source: the SlimRMM agent's comparators (docs/reference/slimrmm.md, operators)."""

Scope = Literal["global", "agent", "tag", "policy"]
WaiverCategory = Literal["waiver", "mitigated"]
WaiverState = Literal["active", "scheduled", "expiring", "expired"]

KNOWN_CATEGORIES: Final[tuple[str, ...]] = (
    "firewall",
    "encryption",
    "user_accounts",
    "password_policy",
    "remote_access",
    "audit_logging",
    "antivirus",
    "system_updates",
)
"""The eight published categories; others are allowed with a warning."""

Kind = Literal["policy", "check", "exception"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Role = Literal["viewer", "technician", "manager", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""Ascending: each may do what those before it may."""

EnrollmentStatus = Literal["pending", "approved", "rejected"]
