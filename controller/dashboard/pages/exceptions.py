"""Exceptions: what is left out of scores, where, until when, and who said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from controller.dashboard.charts.calendar import calendar
from controller.dashboard.charts.plot import at_every_width
from controller.dashboard.charts.trend import effect_of
from controller.dashboard.csv_text import csv_answer
from controller.dashboard.listing import arranged, cut, matching, order
from controller.dashboard.pages.forecast import anything_ahead
from controller.dashboard.pages.policies import author_of
from controller.dashboard.session import require_role
from controller.dashboard.visit import Visit, see
from controller.dashboard.words import machine_time
from controller.errors import RejectedError
from controller.fleet.objects import exception_state, existing
from controller.model.documents import Waiver
from controller.model.managed import Managed
from controller.model.terms import WaiverState
from controller.scoring.waivers import starts_at
from controller.store.port.fleet import CheckTotals

STATES: Final = ("active", "expiring", "scheduled", "expired")
_MOST_MACHINES: Final = 50


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """An exception with where it stands."""

    waiver: Managed[Waiver]
    state: WaiverState
    starts: datetime


KEYS: Final[Mapping[str, Callable[[ExceptionRow], Any]]] = {
    "id": lambda row: row.waiver.id,
    "state": lambda row: STATES.index(row.state),
    "scope": lambda row: row.waiver.document.scope,
    "expires": lambda row: None if row.state == "expired" else row.waiver.document.expires_at,
}


def rows(visit: Visit) -> list[ExceptionRow]:
    """The exceptions that the address asks for, by id."""
    state = visit.query.one_of("state", *STATES)
    accepted = {"active": {"active", "expiring"}}.get(state, {state})
    every = [
        ExceptionRow(each, exception_state(visit.in_force, each, visit.as_of), starts_at(each))
        for _, each in sorted(visit.in_force.waivers.items())
    ]
    found = [row for row in every if not state or row.state in accepted]
    return matching(
        found,
        visit.query.get("search"),
        lambda row: (row.waiver.id, row.waiver.document.reason, *row.waiver.document.checks),
    )


def show(visit: Visit) -> Response:
    """GET /exceptions."""
    found, chosen = rows(visit), order(visit.query, KEYS, "expires")
    timed = [(row.waiver, row.state) for row in found]
    return visit.page(
        "exceptions.html",
        exceptions=cut(arranged(found, chosen, KEYS), visit.query.page()),
        search=visit.query.get("search"),
        sort=chosen,
        calendars=at_every_width(lambda width: calendar(timed, visit.as_of, width)),
        ahead=anything_ahead(visit),
    )


def export(visit: Visit) -> Response:
    """GET /exceptions.csv."""
    heads = (
        "id", "state", "checks", "scope", "machine", "tag", "policy", "reason", "category", "starts_at",
        "expires_at", "owner", "ticket", "requested_by", "approved_by", "managed_by", "file", "commit",
    )  # fmt: skip
    return csv_answer("exceptions", heads, map(_csv_row, rows(visit)))


def _csv_row(row: ExceptionRow) -> tuple[object, ...]:
    waiver, origin = row.waiver.document, row.waiver.origin
    return (
        waiver.id,
        row.state,
        " ".join(waiver.checks),
        waiver.scope,
        " ".join(waiver.agents),
        waiver.tag,
        waiver.policy_id,
        waiver.reason,
        waiver.category,
        machine_time(row.starts),
        machine_time(waiver.expires_at) if waiver.expires_at else None,
        waiver.owner,
        waiver.ticket,
        waiver.requested_by,
        " ".join(waiver.approved_by),
        row.waiver.managed_by,
        f"{origin.path}:{origin.line}" if origin else None,
        origin.commit if origin else None,
    )


def one(visit: Visit) -> Response:
    """GET /exceptions/{id}."""
    waiver = existing(visit.in_force.waivers, "exception", visit.path["id"])
    document, checks = waiver.document, visit.in_force.checks
    moved = visit.reading.movements_of([waiver.id]).get(waiver.id)
    began = moved if moved is not None and moved.cause.kind == "exception_start" else None
    machines = [(uuid, visit.reading.machine(uuid)) for uuid in document.agents[:_MOST_MACHINES]]
    return visit.page(
        "exception.html",
        row=ExceptionRow(
            waiver, exception_state(visit.in_force, waiver, visit.as_of), starts_at(waiver)
        ),
        waiver=document,
        managed=waiver,
        author=author_of(visit, waiver),
        affected=visit.reading.matching_machines(document),
        machines=machines,
        policy=visit.in_force.policies.get(document.policy_id or ""),
        hidden=[
            (id_, checks.get(id_), visit.totals.checks.get(id_, CheckTotals()))
            for id_ in document.checks
        ],
        effect=effect_of(began) if began is not None else None,
        writable=visit.in_force.settings.api_writes == "allow",
    )


def end(visit: Visit) -> Response:
    """POST /exceptions/{id}: delete one that was made here or through the API."""
    require_role(visit.principal, "manager")
    if visit.form.get("action") != "delete":
        raise RejectedError("the form asks for nothing that this page does")
    with visit.services.store.write() as writing:
        writing.delete_object(
            "exception", visit.path["id"], actor=visit.principal.name, as_of=visit.as_of
        )
    return see("/exceptions")
