"""The list of machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

from starlette.responses import Response

from controller.dashboard.csv_text import csv_answer
from controller.dashboard.listing import Listed, order
from controller.dashboard.visit import Visit
from controller.dashboard.words import machine_time
from controller.fleet.machines import MachineEntry, machine_list
from controller.model.terms import PLATFORMS, RISK_LEVELS, EnrollmentStatus
from controller.store.port.machines import MachineQuery

SORTS: Final = ("hostname", "score", "risk_level", "last_seen", "os", "created_at")
FILTERS: Final = (
    "search", "policy", "tag", "risk", "compliant", "os", "stale", "status", "failing",
)  # fmt: skip
_STATUSES: Final = get_args(EnrollmentStatus)
_EXPORT_PAGE: Final = 5_000
MOST_EXPORTED: Final = 100_000
"""Rows of one file; a larger fleet is exported through its filters."""
_TRUTH: Final = {"yes": True, "no": False}


def show(visit: Visit) -> Response:
    """GET /machines."""
    query = _query(visit, page=visit.query.page(), per_page=50)
    found = machine_list(visit.reading, query, visit.as_of)
    in_force = visit.in_force
    tags = {tag for each in in_force.policies.values() for tag in each.document.target_tags}
    tags |= {each.document.tag for each in in_force.waivers.values() if each.document.tag}
    tags |= {tag for each in found.items for tag in each.tags}
    if query.tag:
        tags.add(query.tag)
    failing = in_force.checks.get(query.failing or "")
    return visit.page(
        "machines.html",
        machines=Listed(found.items, found.total, query.page, query.per_page),
        wanted=query,
        sort=order(visit.query, SORTS, "hostname"),
        tags=sorted(tags),
        policies=sorted(in_force.policies.values(), key=lambda each: each.document.name.casefold()),
        policy=in_force.policies.get(query.policy_id or ""),
        failing=failing,
        filtered=any(visit.query.get(name) for name in FILTERS),
    )


def export(visit: Visit) -> Response:
    """GET /machines.csv: everything that the filters leave, not only one page."""
    heads = (
        "hostname", "uuid", "platform", "os_version", "tags", "score", "risk_level", "compliant",
        "stale", "status", "last_seen", "reported_at",
    )  # fmt: skip
    return csv_answer("machines", heads, (_row(each) for each in _every(visit)))


def _every(visit: Visit) -> Iterator[MachineEntry]:
    for page in range(1, MOST_EXPORTED // _EXPORT_PAGE + 1):
        query = _query(visit, page=page, per_page=_EXPORT_PAGE)
        found = machine_list(visit.reading, query, visit.as_of)
        yield from found.items
        if page * _EXPORT_PAGE >= found.total:
            return


def _row(each: MachineEntry) -> tuple[object, ...]:
    return (
        each.hostname,
        each.uuid,
        each.os,
        each.os_version,
        " ".join(each.tags),
        each.score,
        each.risk_level,
        each.compliant,
        each.stale,
        each.status,
        machine_time(each.last_seen) if each.last_seen else None,
        machine_time(each.reported_at) if each.reported_at else None,
    )


def _query(visit: Visit, *, page: int, per_page: int) -> MachineQuery:
    """The filters of the address.

    Raises:
        RejectedError: One has a value that it cannot have.
    """
    query, chosen = visit.query, order(visit.query, SORTS, "hostname")
    risk: Any = query.one_of("risk", *RISK_LEVELS) or None
    sort: Any = chosen.by
    compliant = query.one_of("compliant", "yes", "no", "unknown")
    return MachineQuery(
        search=query.get("search"),
        risk=risk,
        compliant=_TRUTH.get(compliant),
        assessed=False if compliant == "unknown" else None,
        os=query.one_of("os", *PLATFORMS) or None,
        tag=query.get("tag") or None,
        stale=_TRUTH.get(query.one_of("stale", "yes", "no")),
        status=query.one_of("status", *_STATUSES) or None,
        policy_id=query.get("policy") or None,
        failing=query.get("failing") or None,
        sort_by=sort,
        descending=chosen.descending,
        page=page,
        per_page=per_page,
    )
