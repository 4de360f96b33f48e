"""Policies: which checks on which machines, and how they fare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from controller.dashboard.charts.bars import stacked
from controller.dashboard.csv_text import csv_answer
from controller.dashboard.listing import arranged, cut, matching, order
from controller.dashboard.visit import Visit
from controller.fleet.objects import existing
from controller.fleet.statistics import average, share
from controller.model.documents import Check, Policy
from controller.model.managed import Managed
from controller.model.terms import RISK_LEVELS, SEVERITIES, Severity
from controller.store.port.fleet import CheckTotals, Totals


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy with its numbers."""

    policy: Managed[Policy]
    checks: int
    totals: Totals

    @property
    def score(self) -> float | None:
        return average(self.totals)

    @property
    def compliant(self) -> float | None:
        return share(self.totals.compliant, self.totals.assessed)


@dataclass(frozen=True, slots=True)
class SelectedCheck:
    """A check as a policy has it."""

    check: Managed[Check]
    severity: Severity
    totals: CheckTotals

    @property
    def overridden(self) -> bool:
        return self.severity != self.check.document.severity


KEYS: Final[Mapping[str, Callable[[PolicyRow], Any]]] = {
    "name": lambda row: row.policy.document.name.casefold(),
    "machines": lambda row: row.totals.agents,
    "checks": lambda row: row.checks,
    "score": lambda row: row.score,
    "compliant": lambda row: row.compliant,
}


def rows(visit: Visit) -> list[PolicyRow]:
    """Every policy with its numbers, by id."""
    selected, totals = visit.in_force.rulebook.selected, visit.totals.policies
    return [
        PolicyRow(policy, len(selected[id_]), totals.get(id_, Totals()))
        for id_, policy in sorted(visit.in_force.policies.items())
    ]


def show(visit: Visit) -> Response:
    """GET /policies."""
    search, chosen = visit.query.get("search"), order(visit.query, KEYS, "name")
    found = matching(rows(visit), search, lambda row: (row.policy.id, row.policy.document.name))
    listed = cut(arranged(found, chosen, KEYS), visit.query.page())
    return visit.page("policies.html", policies=listed, search=search, sort=chosen)


def export(visit: Visit) -> Response:
    """GET /policies.csv."""
    heads = (
        "id", "name", "enabled", "cis_level", "target_os", "target_tags", "passes_at", "checks",
        "machines", "assessed", "average_score", "compliant_percentage", "managed_by", "file", "commit",
    )  # fmt: skip
    return csv_answer("policies", heads, map(_csv_row, rows(visit)))


def _csv_row(row: PolicyRow) -> tuple[object, ...]:
    policy, origin = row.policy.document, row.policy.origin
    return (
        policy.id,
        policy.name,
        policy.enabled,
        policy.cis_level,
        policy.target_os,
        " ".join(policy.target_tags),
        policy.passing_score_threshold,
        row.checks,
        row.totals.agents,
        row.totals.assessed,
        row.score,
        row.compliant,
        row.policy.managed_by,
        f"{origin.path}:{origin.line}" if origin else None,
        origin.commit if origin else None,
    )


def one(visit: Visit) -> Response:
    """GET /policies/{id}."""
    policy = existing(visit.in_force.policies, "policy", visit.path["id"])
    row = next(each for each in rows(visit) if each.policy.id == policy.id)
    rulebook, totals = visit.in_force.rulebook, visit.totals.checks
    selected = [
        SelectedCheck(
            visit.in_force.checks[id_],
            rulebook.severity(policy.id, id_),
            totals.get(id_, CheckTotals()),
        )
        for id_ in rulebook.selected[policy.id]
    ]
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    selected.sort(key=lambda each: (rank[each.severity], each.check.document.title))
    risk: dict[str, int] = {level: row.totals.risk.get(level, 0) for level in RISK_LEVELS}
    exceptions = [
        each
        for each in visit.in_force.waivers.values()
        if each.document.scope == "policy" and each.document.policy_id == policy.id
    ]
    return visit.page(
        "policy.html",
        row=row,
        policy=policy.document,
        managed=policy,
        author=author_of(visit, policy),
        selected=selected,
        risk=stacked(risk),
        exceptions=sorted(exceptions, key=lambda each: each.id),
    )


def author_of(visit: Visit, managed: Managed[Any]) -> str | None:
    """Who wrote the commit that declares an object, where that commit was a revision here."""
    if managed.origin is None:
        return None
    record = visit.reading.revision(managed.origin.commit)
    return record.author if record and record.author else None
