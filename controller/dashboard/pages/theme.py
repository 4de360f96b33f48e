"""Light, dark, or as the system says."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from controller.dashboard.services import Services
from controller.dashboard.session import THEME, THEMES, safe_path
from controller.dashboard.visit import see

_YEAR = 365 * 86_400


def choose(services: Services, request: Request, form: Mapping[str, str]) -> Response:  # noqa: ARG001
    """POST /theme."""
    answer = see(safe_path(form.get("back", "/")))
    theme = form.get("theme", "")
    if theme in THEMES:
        answer.set_cookie(
            THEME, theme, max_age=_YEAR, secure=services.secure, httponly=True, samesite="lax"
        )
    else:
        answer.delete_cookie(THEME, secure=services.secure, httponly=True, samesite="lax")
    return answer
