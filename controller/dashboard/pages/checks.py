"""Checks: what is looked for, and where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from controller.dashboard.csv_text import csv_answer
from controller.dashboard.listing import arranged, cut, matching, order
from controller.dashboard.pages.policies import author_of
from controller.dashboard.visit import Visit
from controller.fleet.machines import machine_list
from controller.fleet.objects import exception_state, existing
from controller.fleet.statistics import share
from controller.model.documents import Check
from controller.model.managed import Managed
from controller.model.terms import PLATFORMS, SEVERITIES
from controller.store.port.fleet import CheckTotals
from controller.store.port.machines import MachineQuery

_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check with its numbers over the fleet."""

    check: Managed[Check]
    totals: CheckTotals

    @property
    def assessed(self) -> int:
        return self.totals.passed + self.totals.failed + self.totals.errored

    @property
    def passing(self) -> float | None:
        return share(self.totals.passed, self.assessed)


KEYS: Final[Mapping[str, Callable[[CheckRow], Any]]] = {
    "title": lambda row: row.check.document.title.casefold(),
    "category": lambda row: row.check.document.category,
    "severity": lambda row: SEVERITIES.index(row.check.document.severity),
    "failed": lambda row: row.totals.failed,
    "exempted": lambda row: row.totals.exempted,
    "passing": lambda row: row.passing,
}


def _rows(visit: Visit) -> list[CheckRow]:
    severity = visit.query.one_of("severity", *SEVERITIES)
    platform = visit.query.one_of("os", *PLATFORMS)
    category = visit.query.get("category")
    found = [
        CheckRow(check, visit.totals.checks.get(id_, CheckTotals()))
        for id_, check in sorted(visit.in_force.checks.items())
        if (not severity or check.document.severity == severity)
        and (not platform or platform in check.document.platforms)
        and (not category or check.document.category == category)
    ]
    return matching(
        found,
        visit.query.get("search"),
        lambda row: (row.check.id, row.check.document.title, row.check.document.cis_id or ""),
    )


def show(visit: Visit) -> Response:
    """GET /checks."""
    chosen = order(visit.query, KEYS, "failed", descending=True)
    rows = arranged(_rows(visit), chosen, KEYS)
    categories = sorted({each.document.category for each in visit.in_force.checks.values()})
    return visit.page(
        "checks.html",
        checks=cut(rows, visit.query.page()),
        search=visit.query.get("search"),
        sort=chosen,
        categories=categories,
    )


def export(visit: Visit) -> Response:
    """GET /checks.csv."""
    heads = (
        "id", "title", "category", "severity", "cis_id", "platforms", "passed", "failed", "error",
        "exempted", "managed_by", "file", "commit",
    )  # fmt: skip
    chosen = order(visit.query, KEYS, "failed", descending=True)
    return csv_answer("checks", heads, map(_csv_row, arranged(_rows(visit), chosen, KEYS)))


def _csv_row(row: CheckRow) -> tuple[object, ...]:
    check, origin = row.check.document, row.check.origin
    return (
        check.id,
        check.title,
        check.category,
        check.severity,
        check.cis_id,
        " ".join(check.platforms),
        row.totals.passed,
        row.totals.failed,
        row.totals.errored,
        row.totals.exempted,
        row.check.managed_by,
        f"{origin.path}:{origin.line}" if origin else None,
        origin.commit if origin else None,
    )


def one(visit: Visit) -> Response:
    """GET /checks/{id}."""
    check = existing(visit.in_force.checks, "check", visit.path["id"])
    rulebook = visit.in_force.rulebook
    policies = [
        (visit.in_force.policies[id_], rulebook.severity(id_, check.id))
        for id_, selected in sorted(rulebook.selected.items())
        if check.id in selected
    ]
    query = MachineQuery(failing=check.id, status="approved", sort_by="score", per_page=_SHOWN)
    failing = machine_list(visit.reading, query, visit.as_of)
    exceptions = [
        (each, exception_state(visit.in_force, each, visit.as_of))
        for each in sorted(visit.in_force.waivers.values(), key=lambda each: each.id)
        if check.id in each.document.checks
    ]
    return visit.page(
        "check.html",
        row=CheckRow(check, visit.totals.checks.get(check.id, CheckTotals())),
        check=check.document,
        managed=check,
        author=author_of(visit, check),
        policies=policies,
        failing=failing,
        exceptions=exceptions,
    )
