"""The days ahead if nothing is renewed. A page of its own: it walks every machine once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.responses import Response

from controller.dashboard.charts.forecast import forecast_chart, turning_days
from controller.dashboard.charts.plot import at_every_width
from controller.dashboard.visit import Visit
from controller.fleet.forecast import forecast
from controller.scoring.waivers import starts_at

DAYS: Final = 90


def anything_ahead(visit: Visit) -> bool:
    """Whether an exception ends or starts in those days, as far as the exceptions alone tell."""
    until = visit.as_of + timedelta(days=DAYS)
    return any(
        visit.as_of < at <= until
        for each in visit.in_force.waivers.values()
        for at in (starts_at(each), each.document.expires_at)
        if at is not None
    )


def show(visit: Visit) -> Response:
    """GET /exceptions/forecast."""
    turns = anything_ahead(visit)
    found = forecast(visit.reading, visit.as_of, DAYS) if turns else None
    return visit.page(
        "forecast.html",
        days=DAYS,
        turns=turns,
        charts=at_every_width(lambda width: forecast_chart(found, width)) if found else (),
        turning=turning_days(found) if found else (),
    )
