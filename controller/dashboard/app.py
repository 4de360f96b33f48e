"""The dashboard as an application: routes, signing in, errors as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from controller.dashboard import assets
from controller.dashboard.form import read_form
from controller.dashboard.pages import (
    badge,
    checks,
    effect,
    exception_form,
    exceptions,
    forecast,
    machine,
    machines,
    overview,
    policies,
    report,
    revisions,
    signing,
    theme,
)
from controller.dashboard.render import render
from controller.dashboard.services import Services
from controller.dashboard.session import person, require_same_origin, theme_of, token_of
from controller.dashboard.shield import Shield, bug_page
from controller.dashboard.snapshot import remembering
from controller.dashboard.visit import Visit
from controller.errors import ControllerError, NotFoundError

Handler = Callable[[Visit], Response]
Answer = Callable[[Services, Request, Mapping[str, str]], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """A page for people who have signed in."""

    path: str
    show: Handler
    take: Handler | None = None
    """What its form does."""


PAGES: Final = (
    Page("/", overview.show),
    Page("/machines", machines.show),
    Page("/machines.csv", machines.export),
    Page("/machines/{uuid}", machine.show, machine.decide),
    Page("/machines/{uuid}/results.csv", machine.export),
    Page("/machines/{uuid}/report", report.machine),
    Page("/policies", policies.show),
    Page("/policies.csv", policies.export),
    Page("/policies/{id}", policies.one),
    Page("/checks", checks.show),
    Page("/checks.csv", checks.export),
    Page("/checks/{id}", checks.one),
    Page("/exceptions", exceptions.show),
    Page("/exceptions.csv", exceptions.export),
    Page("/exceptions/new", exception_form.show, exception_form.take),
    Page("/exceptions/forecast", forecast.show),
    Page("/exceptions/{id}", exceptions.one, exceptions.end),
    Page("/revisions", revisions.show, revisions.act),
    Page("/revisions.csv", revisions.export),
    Page("/revisions/{sha}", revisions.one),
    Page("/revisions/{sha}/effect", effect.held),
    Page("/report", report.fleet),
    Page("/badge.svg", badge.show),
)
_WORDS: Final = {401: "Not signed in", 403: "Not allowed", 404: "Not found", 409: "Conflict"}


def create_dashboard(services: Services) -> ASGIApp:
    """Put the dashboard together; it answers every path that is not the API's."""
    routes = [Route("/static/{name}", assets.serve, methods=["GET"])]
    for path, method, handle in (
        ("/sign-in", "GET", signing.show),
        ("/sign-in", "POST", signing.sign_in),
        ("/sign-out", "POST", signing.sign_out),
        ("/theme", "POST", theme.choose),
    ):
        routes.append(Route(path, _open(services, handle), methods=[method]))
    for page in PAGES:
        routes.append(Route(page.path, _closed(services, page.show), methods=["GET"]))
        if page.take is not None:
            routes.append(Route(page.path, _closed(services, page.take), methods=["POST"]))

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = "There is no such page." if status == 404 else "This page does not take that."
        return _plain(request, status, detail)

    async def bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - logged outside
        return bug_page()

    handlers = {HTTPException: unknown, Exception: bug}
    return Shield(Starlette(routes=routes, exception_handlers=handlers))


def _open(services: Services, handle: Answer) -> Callable[[Request], Awaitable[Response]]:
    """A route for everybody: signing in and out, the theme."""

    async def answer(request: Request) -> Response:
        try:
            form: Mapping[str, str] = {}
            if request.method == "POST":
                require_same_origin(request)
                form = await read_form(request)
            return await run_in_threadpool(handle, services, request, form)
        except ControllerError as error:
            return _plain(request, services.status_of(type(error)), str(error))

    return answer


def _closed(services: Services, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A route for people who have signed in; everybody else is shown where to."""

    def handled(services: Services, request: Request, form: Mapping[str, str]) -> Response:
        return _answer(services, request, handle, form)

    return _open(services, handled)


def _answer(
    services: Services, request: Request, handle: Handler, form: Mapping[str, str]
) -> Response:
    as_of = services.clock()
    with services.store.read() as reading:
        principal = person(reading, token_of(request, secure=services.secure), as_of)
        if principal is None:
            return _to_sign_in(request)
        visit = Visit(services, request, remembering(reading, as_of), principal, as_of, form)
        try:
            if "\x00" in request.url.path:
                raise NotFoundError("there is no such page")
            return handle(visit)
        except ControllerError as error:
            status = services.status_of(type(error))
            if status >= 500 and status != 503:
                raise
            title = _WORDS.get(status, "That did not work")
            return visit.page("error.html", code=status, title=title, detail=str(error))


def _to_sign_in(request: Request) -> Response:
    if "authorization" in request.headers:
        return PlainTextResponse(
            "the token is unknown, expired or revoked\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="gitward"'},
        )
    if request.method != "GET":
        return RedirectResponse("/sign-in", 303)
    query = f"?{request.url.query}" if request.url.query else ""
    here = request.url.path + query
    return RedirectResponse("/sign-in" if here == "/" else f"/sign-in?next={quote(here)}", 303)


def _plain(request: Request, status: int, detail: str) -> Response:
    """An error outside the frame, for whoever has not signed in."""
    title = _WORDS.get(status, "That did not work")
    page = render("plain_error.html", title=title, detail=detail, theme=theme_of(request))
    return HTMLResponse(page, status)
