"""Alive, ready, metrics, and the description of all this."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from controller.api.access import Anyone, ViewerOrLoopback, Visit
from controller.api.documentation import CONTENT_SECURITY_POLICY, documentation_page
from controller.api.errors import error_response
from controller.api.route import Route
from controller.errors import ControllerError

router = APIRouter(tags=["service"], route_class=Route)


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"]
    version: str


class Ready(BaseModel):
    """The controller can serve."""

    status: Literal["ready"]
    revision: str


@router.get("/healthz")
async def healthz(visit: Anyone) -> Alive:
    """Whether the process is alive."""
    return Alive(status="ok", version=visit.services.version)


@router.get("/readyz", response_model=Ready)
def readyz(visit: Anyone) -> Ready | JSONResponse:
    """Whether the store answers and a good revision is in force; names what is missing."""
    missing, revision = _missing(visit)
    if revision is None or missing:
        return error_response(
            503,
            "NOT_READY",
            f"not ready: {'; '.join(missing)}",
            headers={"Retry-After": "5"},
            fields={"missing": missing},
        )
    return Ready(status="ready", revision=revision)


def _missing(visit: Visit) -> tuple[list[str], str | None]:
    try:
        visit.store.ping()
        with visit.store.read() as reading:
            revision = reading.in_force().revision
    except ControllerError as error:
        return [f"store: {error}"], None
    return ([] if revision else ["revision: no commit has been applied yet"]), revision


@router.get("/metrics", response_class=Response)
def metrics(call: ViewerOrLoopback) -> Response:
    """Metrics for Prometheus."""
    return Response(
        call.gate.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, call: ViewerOrLoopback) -> JSONResponse:  # noqa: ARG001
    """This API, described."""
    return JSONResponse(request.app.openapi())


@router.get("/docs", include_in_schema=False)
def docs(request: Request, call: ViewerOrLoopback) -> HTMLResponse:  # noqa: ARG001
    """This API, described for people."""
    return HTMLResponse(
        documentation_page(request.app.openapi()),
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
    )
