"""A route: admission first, then a strict body, then the handler, then the entity tag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from controller.api.access import VISIT_KEY, Access
from controller.api.conditional import not_modified
from controller.api.gate import GATE_KEY
from controller.api.request_body import MAX_BYTES, StrictRequest
from controller.errors import OverloadedError, RejectedError

MOST_BYTES: Final = "x-max-body-bytes"
"""In a route's ``openapi_extra``: how large its body may be, where that is more than usual."""
_SLOWER: Final = 4
"""How much longer a large body may take to arrive."""
_PATIENCE_SECONDS: Final = 20.0


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
        limit = (self.openapi_extra or {}).get(MOST_BYTES, MAX_BYTES)
        large = limit > MAX_BYTES

        async def guarded(request: Request) -> Response:
            visit = await access.admit(request)
            _refuse_nul(request)
            request.scope[VISIT_KEY] = visit
            strict = StrictRequest(request.scope, request.receive)
            async with _turn(request, limit):
                if has_body:
                    seconds = visit.services.limits.body_seconds * (_SLOWER if large else 1)
                    await strict.load(seconds, limit)
                response = await handle(strict)
            return not_modified(request, response, visit.tag)

        return guarded


@asynccontextmanager
async def _turn(request: Request, limit: int) -> AsyncIterator[None]:
    """Keep what is larger than other bodies to a few at a time, so that memory stays bounded."""
    declared = request.headers.get("content-length", "")
    small = declared.isascii() and declared.isdigit() and int(declared[:12]) <= MAX_BYTES
    if limit <= MAX_BYTES or small:
        yield
        return
    room = request.scope[GATE_KEY].room_for_large
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await room.acquire()
    except TimeoutError:
        raise OverloadedError("other large requests are under way; ask again", 5) from None
    try:
        yield
    finally:
        room.release()


def _refuse_nul(request: Request) -> None:
    """No database can hold it, and no id, search or filter has it."""
    if b"%00" in request.scope["query_string"] or "\x00" in request.scope["path"]:
        message = "must not contain the character NUL"
        raise RejectedError(f"the address {message}", (("", message),))
