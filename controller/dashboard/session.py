"""Who looks at a page: a token in a cookie that no script and no other site can use.

The cookie holds the token itself; what it may do is asked of the store at every request, so that a
revoked token ends every session at once.
"""

from __future__ import annotations

from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from controller.dashboard.one_time import SESSION
from controller.errors import ForbiddenError
from controller.model.terms import ROLES, Role
from controller.model.token import hash_token
from controller.store.port.credentials import Principal
from controller.store.port.store import Reading

_MAX_TOKEN: Final = 512
THEME: Final = "gitward_theme"
THEMES: Final = ("light", "dark")


def cookie_name(*, secure: bool) -> str:
    """Over https the name itself demands it, and binds the cookie to this host."""
    return "__Host-gitward" if secure else "gitward"


def token_of(request: Request, *, secure: bool) -> str | None:
    """The caller's token: of the cookie, or for programs of the Authorization header."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and request.method in {"GET", "HEAD"}:
        token: str | None = bearer.strip()
    else:
        token = cookies(request).get(cookie_name(secure=secure))
    return token if token and len(token) <= _MAX_TOKEN else None


def cookies(request: Request) -> dict[str, str]:
    """The request's cookies; none when the header is beyond reading."""
    try:
        parsed = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: each.value for name, each in parsed.items()}


def theme_of(request: Request) -> str:
    """``light`` or ``dark`` when the person chose, else empty: as the system says."""
    chosen = cookies(request).get(THEME, "")
    return chosen if chosen in THEMES else ""


def person(reading: Reading, token: str | None, as_of: datetime) -> Principal | None:
    """The person a token belongs to now; an agent's token opens no page."""
    if token is None:
        return None
    principal = reading.principal(hash_token(token), as_of)
    return principal if principal is not None and principal.role is not None else None


def may(principal: Principal | None, role: Role) -> bool:
    """Whether the person has at least that role."""
    if principal is None or principal.role is None:
        return False
    return ROLES.index(principal.role) >= ROLES.index(role)


def require_role(principal: Principal, role: Role) -> None:
    """Refuse who has a lower role.

    Raises:
        ForbiddenError: With the role that is needed.
    """
    if not may(principal, role):
        raise ForbiddenError(
            f"this needs the role {role}; your token has the role {principal.role}"
        )


def require_same_origin(request: Request) -> None:
    """Refuse a form that another site sent.

    The cookie is ``SameSite=Strict`` already; this holds where a browser or a sibling port does not.

    Raises:
        ForbiddenError: The browser names another origin, or none at all.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin != "null":
        same = urlsplit(origin).netloc == request.headers.get("host", "")
    else:
        same = request.headers.get("sec-fetch-site") == "same-origin"
    if not same:
        raise ForbiddenError("the form was not sent from this dashboard; open the page again")


def keep(response: Response, token: str, *, secure: bool) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(secure=secure),
        token,
        max_age=int(SESSION.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def forget(response: Response, *, secure: bool) -> None:
    """Take the session from the browser."""
    response.delete_cookie(
        cookie_name(secure=secure), path="/", secure=secure, httponly=True, samesite="strict"
    )


def safe_path(path: str) -> str:
    """Where to go on to after signing in: a page of this dashboard, or the first one."""
    local = path.startswith("/") and not path.startswith(("//", "/\\"))
    plain = local and len(path) <= 2_000 and path.isprintable() and path.isascii()
    return path if plain and "\\" not in path else "/"
