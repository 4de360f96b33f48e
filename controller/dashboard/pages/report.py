"""Compliance reports for paper: of the fleet, and of one machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Final

from starlette.responses import Response

from controller.dashboard.charts.bars import stacked
from controller.dashboard.charts.trend import drawn, points_of
from controller.dashboard.pages import exceptions, policies
from controller.dashboard.pages.machine import by_weight, find, touching
from controller.dashboard.visit import Visit
from controller.errors import NotFoundError
from controller.fleet.results import machine_results
from controller.fleet.scores import machine_score
from controller.fleet.statistics import bare_average, daily_totals, statistics, top_failing
from controller.scoring.score import percent

DAYS: Final = 30


def fleet(visit: Visit) -> Response:
    """GET /report."""
    numbers = statistics(visit.reading, visit.as_of)
    points = points_of(daily_totals(visit.reading, visit.as_of, DAYS))
    moves = visit.reading.movements(visit.as_of - timedelta(days=DAYS), "commit")
    return visit.page(
        "report_fleet.html",
        numbers=numbers,
        bare=bare_average(visit.totals.overall),
        risk=stacked(asdict(numbers.risk_distribution)),
        charts=drawn(points, moves),
        policies=policies.rows(visit),
        failing=top_failing(visit.reading, visit.as_of, 20).items,
        lowest=[
            (row.machine, percent(row.standing.hundredths), row.standing.risk)
            for row in visit.reading.lowest_scores(20, visit.as_of)
            if row.standing is not None
        ],
        exceptions=[row for row in exceptions.rows(visit) if row.state in {"active", "expiring"}],
    )


def machine(visit: Visit) -> Response:
    """GET /machines/{uuid}/report."""
    found = find(visit)
    if found.status != "approved":
        raise NotFoundError("There is no report of a machine that is not approved.")
    score = machine_score(visit.reading, found.uuid, visit.as_of)
    return visit.page(
        "report_machine.html",
        machine=found,
        score=score,
        results=by_weight(machine_results(visit.reading, found.uuid, visit.as_of)),
        exceptions=[
            each for each in touching(visit, found, score) if each.state in {"active", "expiring"}
        ],
    )
