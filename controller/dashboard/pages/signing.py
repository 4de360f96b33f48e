"""Signing in with a token or with the link that ``gitward serve`` prints, and signing out."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from controller.dashboard.one_time import NAME, local_token
from controller.dashboard.render import render
from controller.dashboard.services import Services
from controller.dashboard.session import forget, keep, person, safe_path, theme_of, token_of
from controller.dashboard.visit import see
from controller.store.port.credentials import Principal

_log = structlog.get_logger(__name__)
_MAX_SECRET = 512


def show(services: Services, request: Request, form: Mapping[str, str]) -> Response:  # noqa: ARG001
    """GET /sign-in: the form; with ``code``, the end of a printed link."""
    code = request.query_params.get("code", "")
    if code:
        return _with_code(services, request, code)
    return _form(services, request, next_=request.query_params.get("next", "/"))


def sign_in(services: Services, request: Request, form: Mapping[str, str]) -> Response:
    """POST /sign-in."""
    next_ = form.get("next", "/")
    if (refusal := _too_many(services, request, next_)) is not None:
        return refusal
    as_of, token = services.clock(), form.get("token", "")
    with services.store.read() as reading:
        principal = person(reading, token, as_of) if 0 < len(token) <= _MAX_SECRET else None
    if principal is None:
        _log.warning("sign-in refused", address=_address(request))
        wrong = "That token is not accepted: it is unknown, expired, revoked, or a machine's."
        return _form(services, request, wrong, 401, next_)
    _audit(services, principal, "sign-in")
    answer = see(safe_path(next_))
    keep(answer, token, secure=services.secure)
    return answer


def sign_out(services: Services, request: Request, form: Mapping[str, str]) -> Response:  # noqa: ARG001
    """POST /sign-out; a token that was made for a printed link ends with it."""
    as_of = services.clock()
    with services.store.read() as reading:
        principal = person(reading, token_of(request, secure=services.secure), as_of)
    if principal is not None:
        _audit(services, principal, "sign-out")
        if principal.name.startswith(NAME) and principal.token_id is not None:
            with services.store.write() as writing:
                writing.revoke_token(principal.token_id, actor=principal.name, as_of=as_of)
    answer = see("/sign-in")
    forget(answer, secure=services.secure)
    return answer


def _with_code(services: Services, request: Request, code: str) -> Response:
    if (refusal := _too_many(services, request, "/")) is not None:
        return refusal
    as_of = services.clock()
    if len(code) > _MAX_SECRET or not services.codes.redeem(code, as_of):
        wrong = "This link was used already, or is older than ten minutes. Sign in with a token."
        return _form(services, request, wrong, 401)
    token = local_token(services.store, as_of)
    with services.store.read() as reading:
        principal = person(reading, token, as_of)
    if principal is not None:
        _audit(services, principal, "sign-in")
    answer = see("/")
    keep(answer, token, secure=services.secure)
    return answer


def _too_many(services: Services, request: Request, next_: str) -> Response | None:
    seconds = services.seconds_to_wait(_address(request))
    if not seconds:
        return None
    answer = _form(services, request, f"Too many attempts. Wait {seconds} s.", 429, next_)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _audit(services: Services, principal: Principal, action: str) -> None:
    with services.store.write() as writing:
        writing.add_audit(
            principal.name,
            action,
            f"token/{principal.token_id}",
            services.clock(),
            detail={"by": "dashboard"},
        )


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _form(
    services: Services,
    request: Request,
    wrong: str = "",
    status: int = 200,
    next_: str = "/",
) -> Response:
    page = render(
        "sign_in.html",
        wrong=wrong,
        next=safe_path(next_),
        theme=theme_of(request),
        version=services.version,
    )
    return HTMLResponse(page, status)
