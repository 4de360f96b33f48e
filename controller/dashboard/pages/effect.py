"""What a change would do to the fleet. Pages of their own: they judge every machine twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from controller.dashboard.charts.bars import Segment, stacked
from controller.dashboard.visit import Visit, see
from controller.errors import NotFoundError
from controller.model.terms import RISK_LEVELS
from controller.reconcile.preview import PlanRequest

_MOVERS: Final = 20


@dataclass(frozen=True, slots=True)
class Side:
    """The fleet, or the machines of a policy, before or after."""

    agents: int
    average: float | None
    compliant: float | None
    risk: dict[str, int]

    @property
    def bar(self) -> tuple[Segment, ...]:
        return stacked(self.risk)


@dataclass(frozen=True, slots=True)
class Effect:
    """What would become of scores."""

    before: Side
    after: Side
    body: dict[str, Any]
    """The impact as ``POST /gitops/plan`` answers it."""
    changes: int
    weakening: int
    """Changes by which less is asked for, or more is exempted."""

    @property
    def change(self) -> float | None:
        """Points by which the average would move."""
        before, after = self.before.average, self.after.average
        return None if before is None or after is None else after - before

    @property
    def policies(self) -> list[tuple[str, Side | None, Side | None, int]]:
        """Those under which something changes: before, after, machines that no longer comply."""
        found = [
            (
                each["policy_id"],
                _side(each["before"]) if each["before"] else None,
                _side(each["after"]) if each["after"] else None,
                each["newly_noncompliant"],
            )
            for each in self.body["policies"]
        ]
        return [each for each in found if each[1] != each[2]]


def previews(visit: Visit) -> bool:
    """Whether a change can be tried against the fleet here: there is one repository to lay it over."""
    applied = [each for each in visit.reading.sources() if each.last_applied_revision]
    return visit.services.preview is not None and len(applied) == 1


def effect(visit: Visit, **request: Any) -> Effect:  # noqa: ANN401 - the fields of a plan request
    """Judge every machine with and without a change.

    Raises:
        NotFoundError: No repository is followed here.
        RejectedError: The change would not be applied.
        TryLaterError: Scores are still being brought to the revision in force.
    """
    preview = visit.services.preview
    if preview is None:
        raise NotFoundError("no repository is followed here, so there is nothing to compare with")
    plan = preview.preview(PlanRequest(movers=_MOVERS, **request), visit.as_of)
    body, operations = plan["impact"], plan["operations"]
    return Effect(
        before=_side(body["before"]),
        after=_side(body["after"]),
        body=body,
        changes=len(operations),
        weakening=sum(each["effect"] == "weakens" for each in operations),
    )


def held(visit: Visit) -> Response:
    """GET /revisions/{sha}/effect: what the held plan of that commit would do."""
    sha = visit.path["sha"]
    record = visit.reading.revision(sha)
    if record is None:
        raise NotFoundError(f"No revision {sha[:64]!r} was tried here.")
    if record.result != "held":
        return see(f"/revisions/{record.sha}")
    found = effect(visit, head=record.sha, source=record.source)
    return visit.page("revision_effect.html", record=record, effect=found, names=names(visit))


def names(visit: Visit) -> dict[str, str]:
    """What the policies in force are called."""
    return {id_: each.document.name for id_, each in visit.in_force.policies.items()}


def _side(body: dict[str, Any]) -> Side:
    risk: dict[str, int] = {level: body["risk_distribution"].get(level, 0) for level in RISK_LEVELS}
    return Side(body["agents"], body["average_score"], body["compliant_percentage"], risk)
