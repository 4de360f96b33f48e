"""The fleet's compliance as a badge."""

from __future__ import annotations

from starlette.responses import Response

from controller.dashboard.render import render
from controller.dashboard.visit import Visit
from controller.dashboard.words import percent
from controller.fleet.statistics import share

_CHAR = 6.6
"""Pixels of an average character at 11 px."""


def show(visit: Visit) -> Response:
    """GET /badge.svg; programs send their token as bearer."""
    overall = visit.totals.overall
    text = percent(share(overall.compliant, overall.assessed)) if overall.assessed else "unknown"
    left, right = round(len("compliant") * _CHAR) + 14, round(len(text) * _CHAR) + 16
    level = "unknown"
    if overall.assessed:
        part = overall.compliant / overall.assessed
        level = "low" if part >= 0.9 else "medium" if part >= 0.7 else "high"
    svg = render("badge.svg", text=text, left=left, right=right, level=level)
    return Response(svg, media_type="image/svg+xml")
