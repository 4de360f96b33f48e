"""The fleet in numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.access import Viewer
from controller.api.listing import Days
from controller.api.route import Route
from controller.fleet.statistics import (
    Statistics,
    TopFailing,
    Trend,
    statistics,
    top_failing,
    trend,
)

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
