"""The application: routers behind one gate."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.routing import Route as PlainRoute
from starlette.types import ASGIApp

from controller.api import errors, openapi, report_route
from controller.api.gate import Gate, GateKeeper
from controller.api.quick_reads import PATHS, QuickReads
from controller.api.report_quick import QuickReports
from controller.api.route import Route
from controller.api.routers import (
    agents,
    checks,
    credentials,
    enrollment,
    exceptions,
    fleet,
    gitops,
    machine,
    policies,
    service,
    work,
)
from controller.api.services import Services
from controller.api.webhooks import route as webhook_route
from controller.api.webhooks.deliveries import Deliveries

ROUTERS: Final[tuple[APIRouter, ...]] = (
    policies.router,
    checks.router,
    exceptions.router,
    machine.router,
    fleet.router,
    agents.router,
    work.router,
    enrollment.router,
    credentials.router,
    gitops.router,
    service.router,
)
_WEBHOOK: Final = re.compile(r"/api/v1/webhooks/[^/]+/[^/]+")
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def methods_of(path: str) -> set[str]:
    """The methods that a path takes."""
    if path == report_route.PATH or _WEBHOOK.fullmatch(path):
        return {"POST"}
    methods = {
        method
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, Route) and route.path_regex.match(path)
        for method in route.methods or ()
    }
    return methods | {"HEAD"} if "GET" in methods else methods


def create_app(
    services: Services, *, lifespan: Lifespan | None = None, fallback: ASGIApp | None = None
) -> FastAPI:
    """Put the API together.

    Args:
        services: What the handlers use.
        lifespan: What starts and stops around it: intake, reconcilers, schedule.
        fallback: Who answers paths that are not the API's, such as the dashboard.
    """
    app = FastAPI(
        title="Gitward",
        version=services.version,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    gate = Gate(services)
    reads = QuickReads(gate)
    app.add_middleware(
        GateKeeper,
        gate=gate,
        fallback=fallback,
        reads=reads.around,
        quick_paths=PATHS,
    )
    # For the server's protocol, which takes simple requests before any of this.
    app.state.quick_reports = QuickReports(gate)
    app.state.quick_reads = reads
    # First, since it is asked for most.
    app.router.routes.append(
        PlainRoute(report_route.PATH, report_route.ReportRoute(), methods=["POST"])
    )
    app.router.routes.append(
        PlainRoute(
            webhook_route.PATH, webhook_route.WebhookRoute(Deliveries(services)), methods=["POST"]
        )
    )
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app, methods_of)
    document: dict[str, Any] = {}

    def described() -> dict[str, Any]:
        if not document:
            document.update(openapi.describe(app, ROUTERS))
        return document

    app.openapi = described  # type: ignore[method-assign]
    return app
