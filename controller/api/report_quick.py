"""The common report, taken without the application around it: a known machine, plain JSON, not large.

Whatever is not that simple is left to the application untouched. Same checks, same answers: only the
way there is shorter. Nothing here touches the store on the event loop.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from controller.api.errors import RequestError
from controller.api.gate import SAFE_HEADERS, Gate
from controller.api.report_route import LARGE, PATH, repeatable, result_of, shown, word_of
from controller.errors import ControllerError, MachineNamedError, UnauthenticatedError
from controller.store.interface import Receipt, Submission

_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
_LENGTH_DIGITS: Final = 6
_encode: Final = msgspec.json.encode


class QuickReports:
    """Takes what is simple. One per process."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        metrics = gate.metrics
        self._requests = metrics.requests.labels("POST", PATH, "200")
        self._results = {
            word: metrics.reports.labels(word) for word in ("accepted", "duplicate", "superseded")
        }

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Take the report and answer it; false when the application is to do it all.

        Raises:
            ControllerError: The report is refused; it has been read and counted.
            RequestError: So is the request.
        """
        token_hash = _simple(scope)
        if token_hash is None:
            return False
        known = self._gate.known.get(token_hash)
        if known is None or known.machine_uuid is None:
            return False
        try:
            receipt = await self._take(known.machine_uuid, token_hash, receive)
        except (ControllerError, RequestError) as error:
            self._gate.metrics.reports.labels(word_of(error)).inc()
            if isinstance(error, MachineNamedError):
                await self._gate.foreign.note(known.machine_uuid, error.named, "body")
            if isinstance(error, UnauthenticatedError):
                self._gate.known.forget(token_hash)
            raise
        body = _encode(shown(receipt))
        self._results[result_of(receipt)].inc()
        self._requests.inc()
        length = (b"content-length", b"%d" % len(body))
        headers = [(b"content-type", b"application/json"), length, *SAFE_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True

    async def _take(self, uuid: str, token_hash: str, receive: Receive) -> Receipt:
        services, hearing = self._gate.services, self._gate.hearing
        body = await _read(receive, services.limits.body_seconds)
        report, said = hearing.read(uuid, body)
        submission = Submission(uuid, token_hash, report, services.clock())
        receipt = await services.intake.submit(submission)
        if said is not None and repeatable(receipt):
            hearing.accepted(uuid, said)
        return receipt


def _simple(scope: Scope) -> str | None:
    """The hash of the token when the request is of the simple kind."""
    token: bytes | None = None
    length = kind = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            if token is not None:
                return None
            token = value
        elif name == b"content-length":
            length = value
        elif name == b"content-type":
            kind = value
        elif name == b"content-encoding":
            return None
    if token is None or not token.startswith(b"Bearer gwa_") or kind not in _JSON:
        return None
    if not length.isdigit() or len(length) > _LENGTH_DIGITS or int(length) > LARGE:
        return None
    return sha256(token[7:].strip()).hexdigest()


async def _read(receive: Receive, seconds: float) -> bytes:
    """The body, whose length is known to be small; in time or not at all."""
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
            body = _part(message)
            while message.get("more_body", False):
                message = await receive()
                body += _part(message)
    except TimeoutError:
        raise RequestError(
            408,
            "BODY_TIMEOUT",
            f"the body took more than {seconds:g} s to arrive",
            {"Connection": "close"},
        ) from None
    return body


def _part(message: Message) -> bytes:
    if message["type"] != "http.request":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    return body
