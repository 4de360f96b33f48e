"""A route: admission first, then a strict body, then the handler, then the entity tag."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from controller.api.access import VISIT_KEY, Access
from controller.api.conditional import not_modified
from controller.api.request_body import StrictRequest
from controller.errors import RejectedError


class Route(APIRoute):
    """A route whose signature says who may call it; one that does not say cannot be made."""

    @property
    def access(self) -> Access:
        found = [each.call for each in self.dependant.dependencies if isinstance(each.call, Access)]
        if len(found) != 1:
            raise TypeError(f"{self.path}: the handler must take exactly one kind of caller")
        return found[0]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""
        handle = super().get_route_handler()
        access, has_body = self.access, self.body_field is not None

        async def guarded(request: Request) -> Response:
            visit = await access.admit(request)
            _refuse_nul(request)
            request.scope[VISIT_KEY] = visit
            strict = StrictRequest(request.scope, request.receive)
            if has_body:
                await strict.load(visit.services.limits.body_seconds)
            response = await handle(strict)
            return not_modified(request, response, visit.tag)

        return guarded


def _refuse_nul(request: Request) -> None:
    """No database can hold it, and no id, search or filter has it."""
    if b"%00" in request.scope["query_string"] or "\x00" in request.scope["path"]:
        message = "must not contain the character NUL"
        raise RejectedError(f"the address {message}", (("", message),))
