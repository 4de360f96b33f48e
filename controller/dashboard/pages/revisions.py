"""Revisions: what each commit changed, when it was in force, and what it did to the fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response

from controller.dashboard.charts.trend import effect_of
from controller.dashboard.csv_text import csv_answer
from controller.dashboard.listing import Listed
from controller.dashboard.pages.effect import Side, previews
from controller.dashboard.session import require_role
from controller.dashboard.visit import Visit, see
from controller.dashboard.words import machine_time
from controller.errors import NotFoundError, RejectedError
from controller.fleet.statistics import average, share
from controller.model.source import RevisionRecord
from controller.model.terms import RISK_LEVELS
from controller.reconcile import operations
from controller.store.port.fleet import Movement, Totals

_PER_PAGE: Final = 30
_MOST_EXPORTED: Final = 1_000
_MOST_CHANGES: Final = 500


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A revision with how long it was in force and what it did."""

    record: RevisionRecord
    until: datetime | None
    """When the next one took over; none when it is in force, or never was."""
    in_force: bool
    effect: float | None
    errors: int


def _rows(visit: Visit, page: int, per_page: int) -> Listed[RevisionRow]:
    found = visit.reading.revisions(page, per_page)
    moves = visit.reading.movements_of([each.revision for each in found.items])
    current = {each.last_applied_revision for each in visit.reading.sources()}
    rows: list[RevisionRow] = []
    next_applied: datetime | None = None
    for record in found.items:
        move = moves.get(record.revision)
        rows.append(
            RevisionRow(
                record=record,
                until=next_applied if record.result == "applied" else None,
                in_force=record.result == "applied"
                and record.revision in current
                and next_applied is None,
                effect=effect_of(move) if move else None,
                errors=sum(each.level == "error" for each in record.problems),
            )
        )
        next_applied = record.applied_at or next_applied
    return Listed(tuple(rows), found.total, page, per_page)


def show(visit: Visit) -> Response:
    """GET /revisions."""
    rows = _rows(visit, visit.query.page(), _PER_PAGE)
    return visit.page("revisions.html", revisions=rows, previews=previews(visit))


def export(visit: Visit) -> Response:
    """GET /revisions.csv."""
    heads = (
        "revision", "subject", "author", "committed_at", "result", "reason", "applied_at", "add",
        "change", "move", "adopt", "delete", "effect_on_average",
    )  # fmt: skip
    rows = _rows(visit, 1, _MOST_EXPORTED).items
    return csv_answer("revisions", heads, map(_csv_row, rows))


def _csv_row(row: RevisionRow) -> tuple[object, ...]:
    record = row.record
    return (
        record.revision,
        record.subject,
        record.author,
        machine_time(record.committed_at) if record.committed_at else None,
        record.result,
        record.reason,
        machine_time(record.applied_at) if record.applied_at else None,
        *(record.counts.get(op, 0) for op in ("add", "change", "move", "adopt", "delete")),
        round(row.effect, 2) if row.effect is not None else None,
    )


def _side(totals: Totals) -> Side:
    return Side(
        agents=totals.agents,
        average=average(totals),
        compliant=share(totals.compliant, totals.assessed),
        risk={level: totals.risk.get(level, 0) for level in RISK_LEVELS},
    )


def one(visit: Visit) -> Response:
    """GET /revisions/{sha}: by the full commit."""
    record = visit.reading.revision(visit.path["sha"])
    if record is None:
        raise NotFoundError(f"No revision {visit.path['sha'][:64]!r} was tried here.")
    move: Movement | None = visit.reading.movements_of([record.revision]).get(record.revision)
    changes = [
        each
        for each in visit.reading.audit_of(record.revision, _MOST_CHANGES)
        if each.actor.startswith("git:")
    ]
    held = next(
        (each.held_plan for each in visit.reading.sources() if each.held_plan is not None), None
    )
    return visit.page(
        "revision.html",
        record=record,
        changes=changes,
        counted=f"the first {len(changes)}" if len(changes) == _MOST_CHANGES else "",
        links=_links(visit),
        before=_side(move.before) if move else None,
        after=_side(move.after) if move and move.after else None,
        previews=previews(visit),
        effect=effect_of(move) if move else None,
        errors=[each for each in record.problems if each.level == "error"],
        warnings=[each for each in record.problems if each.level == "warning"],
        held=held if held and held.revision == record.revision else None,
    )


def _links(visit: Visit) -> frozenset[str]:
    """Objects that still have a page."""
    tables = {
        "policy": visit.in_force.policies,
        "check": visit.in_force.checks,
        "exception": visit.in_force.waivers,
    }
    return frozenset(f"{kind}/{id_}" for kind, table in tables.items() for id_ in table)


def act(visit: Visit) -> Response:
    """POST /revisions: confirm the held plan, look now, suspend or resume."""
    require_role(visit.principal, "admin")
    store, actor, as_of = visit.services.store, visit.principal.name, visit.as_of
    source = visit.form.get("source") or None
    match visit.form.get("action"):
        case "confirm":
            status = operations.confirm(store, source, visit.form.get("digest", ""), actor, as_of)
            visit.services.wake(status.name)
        case "reconcile":
            operations.request(store, source, actor, as_of)
            for each in visit.reading.sources():
                visit.services.wake(each.name)
        case "suspend":
            operations.suspend(store, source, visit.form.get("reason", ""), None, actor, as_of)
        case "resume":
            visit.services.wake(operations.resume(store, source, actor, as_of).name)
        case _:
            raise RejectedError("the form asks for nothing that this page does")
    return see("/revisions")
