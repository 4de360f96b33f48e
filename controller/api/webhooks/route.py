"""``POST /api/v1/webhooks/{source}/{provider}``: a host says that something may have changed.

Plain ASGI, since what is signed are the raw bytes. The order of answers is fixed: another method 405, a
body over 1 MiB 413 (counted while it arrives), a wrong signature 401, no such source 404, a ping 200, a
push to another ref 200, a suspended source 202, taken 202. Where no secret is set nothing can be
authentic, so the address does not exist: 404.
"""

from __future__ import annotations

from typing import Final, Literal, cast

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import TypedDict

from controller.api.errors import RequestError, respond
from controller.api.gate import CHARGE_KEY, GATE_KEY, ROUTE_KEY, Charge, Gate
from controller.api.request_body import MAX_BYTES, read_bounded
from controller.api.webhooks.deliveries import Deliveries, Hook, Result, Taken
from controller.api.webhooks.providers import PROVIDERS, Provider, is_authentic, read_delivery
from controller.errors import (
    ControllerError,
    NotFoundError,
    OverloadedError,
    StoreError,
    UnauthenticatedError,
)

PATH: Final = "/api/v1/webhooks/{source}/{provider}"
_OK: Final[frozenset[Result]] = frozenset({"pong", "ignored", "duplicate"})


class TakenBody(TypedDict):
    """What became of a webhook."""

    status: Literal["ok"]
    result: Result
    detail: str
    source: str
    request_token: int | None


TAKEN: Final[TypeAdapter[TakenBody]] = TypeAdapter(TakenBody)


class WebhookRoute:
    """The ASGI application behind the path."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ROUTE_KEY] = PATH
        gate: Gate = scope[GATE_KEY]
        request = Request(scope, receive)
        response: Response
        try:
            taken = await self._take(gate, scope[CHARGE_KEY], request)
        except (ControllerError, RequestError) as error:
            _count(gate, request, _word(error))
            response = respond(error)
        else:
            _count(gate, request, taken.result)
            response = _answer(request, taken)
        await response(scope, receive, send)

    async def _take(self, gate: Gate, charge: Charge, request: Request) -> Taken:
        body = await read_bounded(request, MAX_BYTES, gate.services.limits.body_seconds)
        source, name = str(request.path_params["source"]), request.path_params["provider"]
        if name not in PROVIDERS:
            raise NotFoundError(f"no such kind of webhook; there are: {', '.join(PROVIDERS)}")
        provider = cast("Provider", name)
        secrets = gate.services.webhook_secrets(source)
        if not secrets:
            raise NotFoundError("no such page: no webhook secret is set for it")
        if not is_authentic(provider, request.headers, body, secrets):
            raise UnauthenticatedError(
                "the signature is missing or is not by this webhook's secret; set the same one here "
                "and at the host"
            )
        charge.forgive()
        told = read_delivery(provider, request.headers, body)
        hook = Hook(
            source, provider, told.kind, told.event, told.refs, told.id, gate.services.clock()
        )
        return await self._deliveries.take(hook)


def _answer(request: Request, taken: Taken) -> JSONResponse:
    body: TakenBody = {
        "status": "ok",
        "result": taken.result,
        "detail": taken.detail,
        "source": request.path_params["source"],
        "request_token": taken.request_token,
    }
    return JSONResponse(body, 200 if taken.result in _OK else 202)


def _count(gate: Gate, request: Request, result: str) -> None:
    name = request.path_params["provider"]
    gate.metrics.webhooks.labels(name if name in PROVIDERS else "other", result).inc()


def _word(error: ControllerError | RequestError) -> str:
    match error:
        case UnauthenticatedError():
            return "unauthenticated"
        case NotFoundError():
            return "unknown"
        case OverloadedError() | StoreError():
            return "unavailable"
        case RequestError() if error.status == 413:
            return "too_large"
        case _:
            return "rejected"
