"""What a machine is asked to evaluate."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from controller.api.access import Agent
from controller.api.route import Route
from controller.model.machine import Asked
from controller.schedule.work import Wait, Work, next_work

router = APIRouter(prefix="/api/v1/compliance", tags=["agents"], route_class=Route)


class DueEvaluation(BaseModel):
    """A policy that is due, and since when."""

    policy_id: str
    due_at: datetime


class AskedCheck(BaseModel):
    """A check to run."""

    check_id: str
    digest: str
    cis_id: str | None
    check_type: str
    query: str
    comparison_operator: str
    expected_result: dict[str, str] | str | None
    applies_when: str | SkipJsonSchema[None] = None
    """Absent where the check always applies."""


class DueWork(BaseModel):
    """A run: what is due, each check once."""

    run_id: str
    poll_after_seconds: int
    evaluations: tuple[DueEvaluation, ...]
    checks: tuple[AskedCheck, ...]


@router.get(
    "/work/agent/{uuid}",
    response_model=DueWork,
    response_model_exclude_unset=True,
    responses={204: {"description": "Nothing is due; ask again after Retry-After seconds."}},
)
def work(uuid: str, call: Agent) -> DueWork | Response:
    """What is due on this machine; an unanswered run is given again for 15 minutes."""
    found = next_work(call.store, uuid, call.as_of, poll=call.services.poll_interval_seconds)
    if isinstance(found, Wait):
        return Response(status_code=204, headers={"Retry-After": str(found.retry_after_seconds)})
    return _shown(found)


def _shown(found: Work) -> DueWork:
    return DueWork(
        run_id=found.run.run_id,
        poll_after_seconds=found.poll_after_seconds,
        evaluations=tuple(
            DueEvaluation(policy_id=policy_id, due_at=due_at)
            for policy_id, due_at in found.evaluations
        ),
        checks=tuple(_asked(each) for each in found.checks),
    )


def _asked(asked: Asked) -> AskedCheck:
    shown = AskedCheck(
        check_id=asked.check_id,
        digest=asked.digest,
        cis_id=asked.cis_id,
        check_type=asked.check_type,
        query=asked.query,
        comparison_operator=asked.comparison_operator,
        expected_result=asked.expected_result,
    )
    if asked.applies_when is None:
        return shown
    return shown.model_copy(update={"applies_when": asked.applies_when})
