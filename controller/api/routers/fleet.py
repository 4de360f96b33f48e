"""The fleet in numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.access import Viewer
from controller.api.listing import Days
from controller.api.route import Route
from controller.fleet.exception_findings import ExceptionFindings, exception_findings
from controller.fleet.forecast import Forecast, forecast
from controller.fleet.statistics import (
    Statistics,
    TopFailing,
    Trend,
    statistics,
    top_failing,
    trend,
)

DaysAhead = Annotated[int, Query(ge=1, le=366, description="How many days ahead, with today.")]
router = APIRouter(prefix="/api/v1/compliance", tags=["fleet"], route_class=Route)


@router.get("/stats")
def stats(call: Viewer) -> Statistics:
    """The fleet now."""
    with call.read() as reading:
        return statistics(reading, call.as_of)


@router.get("/trend")
def daily_trend(call: Viewer, days: Days = 30) -> Trend:
    """One point a day (UTC), oldest first; the last one is live."""
    with call.read() as reading:
        return trend(reading, call.as_of, days)


@router.get("/stats/top-failing")
def most_failing(call: Viewer, limit: Annotated[int, Query(ge=1, le=100)] = 10) -> TopFailing:
    """Checks that fail on most machines."""
    with call.read() as reading:
        return top_failing(reading, call.as_of, limit)


@router.get("/forecast")
def score_forecast(call: Viewer, days: DaysAhead = 90) -> Forecast:
    """The fleet's score day by day if no exception is renewed, with what starts and ends."""
    with call.read() as reading:
        return forecast(reading, call.as_of, days)


@router.get("/exception-findings")
def findings(
    call: Viewer, expiring_days: Annotated[int, Query(ge=0, le=3650)] = 30
) -> ExceptionFindings:
    """Every exception in force: near its end, unused, redundant, too broad."""
    with call.read() as reading:
        return exception_findings(reading, call.as_of, expiring_days)
