"""One look at one page: who, when, and the snapshot that everything on it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from controller.dashboard.frame import Frame, frame
from controller.dashboard.render import render
from controller.dashboard.services import Services
from controller.dashboard.session import may, theme_of
from controller.errors import RejectedError
from controller.model.terms import Role
from controller.store.port.configuration import InForce
from controller.store.port.credentials import Principal
from controller.store.port.fleet import FleetTotals
from controller.store.port.store import Reading


class Visit:
    """What a page's function gets."""

    def __init__(
        self,
        services: Services,
        request: Request,
        reading: Reading,
        principal: Principal,
        as_of: datetime,
        form: Mapping[str, str],
    ) -> None:
        self.services = services
        self.request = request
        self.reading = reading
        self.principal = principal
        self.as_of = as_of
        self.form = form
        """The fields of a form that was sent; empty otherwise."""

    @cached_property
    def in_force(self) -> InForce:
        return self.reading.in_force()

    @cached_property
    def totals(self) -> FleetTotals:
        return self.reading.fleet_totals(self.as_of)

    @cached_property
    def query(self) -> Query:
        return Query(self.request.url.path, dict(self.request.query_params.items()))

    @property
    def path(self) -> Mapping[str, str]:
        return self.request.path_params

    def may(self, role: Role) -> bool:
        """Whether the person has at least that role."""
        return may(self.principal, role)

    def frame(self) -> Frame:
        """What stands around every page."""
        return frame(self.reading, self.in_force, self.totals, self.as_of)

    def page(self, template: str, *, code: int = 200, **values: Any) -> Response:  # noqa: ANN401
        """Answer with a page inside the frame."""
        text = render(
            template,
            frame=self.frame(),
            as_of=self.as_of,
            principal=self.principal,
            may=self.may,
            theme=theme_of(self.request),
            here=self.here,
            section=self.request.url.path.split("/")[1],
            query=self.query,
            version=self.services.version,
            **values,
        )
        return HTMLResponse(text, code)

    @property
    def here(self) -> str:
        """The address of this page, without the host."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")


class Query:
    """The state of a page as its address has it."""

    def __init__(self, path: str, values: Mapping[str, str]) -> None:
        self.path = path
        self.values = values

    def get(self, name: str) -> str:
        """A value, at most 200 characters; empty when absent."""
        value = self.values.get(name, "").strip()
        if len(value) > 200 or "\x00" in value:
            raise RejectedError(f"{name} in the address is too long or has the character NUL")
        return value

    def one_of(self, name: str, *accepted: str) -> str:
        """A value out of a closed list; empty when absent.

        Raises:
            RejectedError: It is none of them.
        """
        value = self.get(name)
        if value and value not in accepted:
            raise RejectedError(
                f"{name} in the address is {value!r}; expected {', '.join(accepted)}"
            )
        return value

    def page(self) -> int:
        """The page number, from 1."""
        text = self.get("page") or "1"
        if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 9 or int(text) < 1:
            raise RejectedError(f"page in the address is {text!r}; expected a number from 1")
        return int(text)

    def to(self, **changes: str | int | None) -> str:
        """The address with some values changed; a changed filter leads back to the first page."""
        values = {**self.values, **{name: str(value or "") for name, value in changes.items()}}
        if "page" not in changes:
            values.pop("page", None)
        kept = [(name, value) for name, value in values.items() if value]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def kept(self, *names: str) -> str:
        """The address of this page with only these values."""
        kept = [(name, self.values[name]) for name in names if self.values.get(name)]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def at(self, path: str) -> str:
        """Another address with the same values."""
        kept = [(name, value) for name, value in self.values.items() if value and name != "page"]
        return f"{path}?{urlencode(kept)}" if kept else path


def see(path: str) -> Response:
    """Go on to another page after a form."""
    return RedirectResponse(path, 303)
