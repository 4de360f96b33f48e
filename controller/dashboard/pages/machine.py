"""One machine: its score and why, what fails and how to put it right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from starlette.responses import Response

from controller.dashboard.charts.history import history_chart, steps_of
from controller.dashboard.charts.plot import at_every_width
from controller.dashboard.csv_text import csv_answer
from controller.dashboard.listing import matching
from controller.dashboard.pages.turned import turned
from controller.dashboard.session import require_role
from controller.dashboard.visit import Visit, see
from controller.dashboard.words import evidence, machine_time
from controller.errors import NotFoundError, RejectedError
from controller.fleet.history import machine_history
from controller.fleet.objects import exception_state
from controller.fleet.results import MachineResult, machine_results
from controller.fleet.scores import MachineScore, machine_score, unknown_machine
from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.managed import Managed
from controller.model.terms import OUTCOMES, SEVERITIES, WaiverState
from controller.scoring.score import percent
from controller.scoring.waivers import covers

DAYS: Final = 30
_RANK: Final = {severity: place for place, severity in enumerate(SEVERITIES)}
_STEPS_SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Touching:
    """An exception that takes the machine in, now or once."""

    waiver: Managed[Waiver]
    state: WaiverState


def find(visit: Visit) -> Machine:
    """The machine that the address names.

    Raises:
        NotFoundError: There is none.
    """
    machine = visit.reading.machine(visit.path["uuid"])
    if machine is None:
        raise NotFoundError(f"There is no machine {visit.path['uuid'][:64]!r}.")
    return machine


def show(visit: Visit) -> Response:
    """GET /machines/{uuid}."""
    machine = find(visit)
    if machine.status != "approved":
        return visit.page("machine_waiting.html", machine=machine)
    policy = visit.query.get("policy") or None
    score = machine_score(visit.reading, machine.uuid, visit.as_of)
    results = by_weight(machine_results(visit.reading, machine.uuid, visit.as_of, policy))
    status = visit.query.one_of("status", *OUTCOMES)
    search = visit.query.get("search")
    shown = [each for each in results if not status or each.status == status]
    shown = matching(shown, search, lambda each: (each.check_id, each.title, each.category))
    counts = {name: sum(each.status == name for each in results) for name in OUTCOMES}
    since = visit.as_of - timedelta(days=DAYS)
    before = None if policy else percent(visit.reading.overall_before(machine.number, since))
    titles = {id_: each.document.title for id_, each in visit.in_force.checks.items()}
    history = steps_of(
        machine_history(visit.reading, machine.uuid, visit.as_of, DAYS, policy).points,
        before,
        turned(visit.reading.outcome_history(machine.uuid, since - timedelta(days=1)), titles),
    )
    return visit.page(
        "machine.html",
        machine=machine,
        score=score,
        policy=next((each for each in score.policies if each.policy_id == policy), None),
        results=shown,
        groups=_groups(shown),
        counts=counts,
        status=status,
        search=search,
        history=list(reversed(history))[:_STEPS_SHOWN],
        changes=len(history),
        charts=at_every_width(
            lambda width: history_chart(history, before, since, visit.as_of, width)
        ),
        exceptions=touching(visit, machine, score),
        origin=str(visit.request.base_url).rstrip("/"),
    )


def decide(visit: Visit) -> Response:
    """POST /machines/{uuid}: let a machine that waits take part, or turn it away."""
    require_role(visit.principal, "admin")
    machine = find(visit)
    decisions: dict[str, Literal["approved", "rejected"]] = {
        "approve": "approved",
        "reject": "rejected",
    }
    decision = decisions.get(visit.form.get("action", ""))
    if decision is None or machine.status == "approved":
        raise RejectedError("the form asks for nothing that this page does")
    with visit.services.store.write() as writing:
        writing.set_machine_status(
            machine.uuid, decision, actor=visit.principal.name, as_of=visit.as_of
        )
    return see(f"/machines/{machine.uuid}")


def export(visit: Visit) -> Response:
    """GET /machines/{uuid}/results.csv."""
    machine = find(visit)
    if machine.status != "approved":
        raise unknown_machine(machine.uuid)
    heads = (
        "check_id", "title", "category", "severity", "outcome", "reported_outcome", "since",
        "first_failed_at", "exception", "evidence", "details",
    )  # fmt: skip
    results = by_weight(machine_results(visit.reading, machine.uuid, visit.as_of))
    return csv_answer("results", heads, map(_row, results))


def _row(each: MachineResult) -> tuple[object, ...]:
    return (
        each.check_id,
        each.title,
        each.category,
        each.severity,
        each.status,
        each.raw_status,
        _time(each.status_since),
        _time(each.first_failed_at),
        each.exception.id if each.exception else None,
        evidence(each.actual_value),
        each.details,
    )


def _time(when: datetime | None) -> str | None:
    return machine_time(when) if when else None


def by_weight(results: list[MachineResult]) -> list[MachineResult]:
    """What needs work first, the heaviest first."""
    places = {name: place for place, name in enumerate(_GROUPS)}
    return sorted(results, key=lambda each: (places[each.status], _RANK[each.severity], each.title))


_GROUPS: Final = ("failed", "error", "exempted", "pending", "passed", "not_applicable")


def _groups(results: list[MachineResult]) -> list[tuple[str, list[MachineResult]]]:
    found = [(name, [each for each in results if each.status == name]) for name in _GROUPS]
    return [(name, each) for name, each in found if each]


def touching(visit: Visit, machine: Machine, score: MachineScore) -> list[Touching]:
    """The exceptions that take the machine in: in force first, then to come, then past."""
    mine, tags = {each.policy_id for each in score.policies}, frozenset(machine.tags)
    found = [
        Touching(each, exception_state(visit.in_force, each, visit.as_of))
        for each in visit.in_force.waivers.values()
        if covers(each.document, uuid=machine.uuid, tags=tags)
        and (each.document.scope != "policy" or each.document.policy_id in mine)
    ]
    places = {"expiring": 0, "active": 0, "scheduled": 1, "expired": 2}
    far = datetime.max.replace(tzinfo=visit.as_of.tzinfo)
    found.sort(key=lambda each: (places[each.state], each.waiver.document.expires_at or far))
    return found
