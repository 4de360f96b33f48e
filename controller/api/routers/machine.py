"""What is known of one machine: results, score, history."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from controller.api.access import ViewerOrSelf
from controller.api.listing import Days, Listing, PageOf, cut
from controller.api.route import Route
from controller.fleet.history import History, machine_history
from controller.fleet.results import MachineResult, machine_results
from controller.fleet.scores import MachineScore, machine_score
from controller.model.terms import OUTCOMES, SEVERITIES, Outcome, Severity

router = APIRouter(prefix="/api/v1/compliance", tags=["machines"], route_class=Route)
ResultOrder = Literal["check_id", "title", "category", "severity", "status", "status_since"]
PolicyId = Annotated[str | None, Query(description="Narrow to one policy.")]


@router.get("/results/agent/{uuid}")
def results(
    uuid: str,
    call: ViewerOrSelf,
    paging: PageOf,
    status: Outcome | None = None,
    severity: Severity | None = None,
    category: str | None = None,
    policy_id: PolicyId = None,
    sort_by: ResultOrder = "check_id",
) -> Listing[MachineResult]:
    """A machine's results: every check that its policies select."""
    with call.read() as reading:
        found = machine_results(reading, uuid, call.as_of, policy_id)
    wanted = [
        each
        for each in found
        if (status is None or each.status == status)
        and (severity is None or each.severity == severity)
        and (category is None or each.category == category)
    ]
    return cut(
        wanted,
        paging,
        key=lambda each: _order(each, sort_by),
        texts=lambda each: (each.check_id, each.title, each.details),
        show=lambda each: each,
    )


def _order(result: MachineResult, sort_by: ResultOrder) -> object:
    if sort_by == "severity":
        return SEVERITIES.index(result.severity)
    if sort_by == "status":
        return OUTCOMES.index(result.status)
    return getattr(result, sort_by)


@router.get("/score/agent/{uuid}")
def score(uuid: str, call: ViewerOrSelf) -> MachineScore:
    """A machine's score now, over all its policies and under each."""
    with call.read() as reading:
        return machine_score(reading, uuid, call.as_of)


@router.get("/history/agent/{uuid}")
def history(uuid: str, call: ViewerOrSelf, days: Days = 30, policy_id: PolicyId = None) -> History:
    """How a machine's score moved, and why; oldest first."""
    with call.read() as reading:
        return machine_history(reading, uuid, call.as_of, days, policy_id)
