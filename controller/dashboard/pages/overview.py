"""The fleet at a glance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from starlette.responses import Response

from controller.dashboard.charts.bars import stacked
from controller.dashboard.charts.trend import drawn, points_of
from controller.dashboard.visit import Visit
from controller.fleet.statistics import bare_average, daily_totals, share, statistics, top_failing
from controller.model.machine import Machine
from controller.model.terms import RiskLevel
from controller.scoring.score import percent

DAYS: Final = 30
_SOON: Final = timedelta(days=7)
_LATELY: Final = timedelta(days=7)
_ATTENTION: Final = 7
_FAILING: Final = 9


@dataclass(frozen=True, slots=True)
class Attention:
    """A machine that somebody should look at, and why."""

    machine: Machine
    score: float | None
    risk: RiskLevel
    stale: bool
    change: float | None
    """Points over the last seven days; none when there was no score then."""
    why: str


def show(visit: Visit) -> Response:
    """GET /."""
    numbers = statistics(visit.reading, visit.as_of)
    overall = visit.totals.overall
    points = points_of(daily_totals(visit.reading, visit.as_of, DAYS))
    moves = visit.reading.movements(visit.as_of - timedelta(days=DAYS), "commit")
    soon = sum(
        1
        for id_ in visit.in_force.rulebook.timeline.active(visit.as_of)
        if (ends := visit.in_force.waivers[id_].document.expires_at) is not None
        and ends - visit.as_of <= _SOON
    )
    categories = sorted(
        numbers.category_breakdown, key=lambda each: (each.pass_percentage or 0, each.category)
    )
    return visit.page(
        "overview.html",
        numbers=numbers,
        bare=bare_average(overall),
        bare_compliant=share(overall.bare_compliant, overall.bare_assessed),
        soon=soon,
        charts=drawn(points, moves),
        risk=stacked(asdict(numbers.risk_distribution)),
        categories=categories,
        origin=str(visit.request.base_url).rstrip("/"),
        failing=top_failing(visit.reading, visit.as_of, _FAILING).items,
        attention=_attention(visit),
    )


def _attention(visit: Visit) -> list[Attention]:
    """The lowest scores among what is not compliant or at high risk."""
    found = []
    moment = visit.reading.moment(visit.as_of)
    for row in visit.reading.lowest_scores(_ATTENTION, visit.as_of):
        standing, machine = row.standing, row.machine
        if standing is None or (standing.compliant and standing.risk in {"low", "medium"}):
            continue
        state = visit.reading.machine_state(machine.uuid, visit.as_of)
        if state is None:
            continue
        scored = moment.score(machine.uuid, machine.os, machine.tags, state.posture).overall
        failed = [
            f"{count} {severity}"
            for severity, count in scored.failed_by_severity.items()
            if count and severity in {"critical", "high", "medium"}
        ][:2]
        why = ", ".join(failed) if failed else f"{scored.failed} low"
        now, then = (
            standing.hundredths,
            visit.reading.overall_before(machine.number, visit.as_of - _LATELY),
        )
        change = None if now is None or then is None else (now - then) / 100
        found.append(Attention(machine, percent(now), standing.risk, row.stale, change, why))
    return found
