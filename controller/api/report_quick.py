"""The common report, taken without the application around it: a known machine, plain JSON, not large.

Whatever is not that simple is left to the application untouched. Same checks, same answers: only the
way there is shorter. Nothing here touches the store on the event loop, and nothing waits: who asks is
told when the report is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

import msgspec

from controller.api.errors import RequestError, respond
from controller.api.gate import SAFE_HEADERS, Gate, RawHeader, with_safe_headers
from controller.api.report_route import LARGE, PATH, repeatable, result_of, shown, word_of
from controller.errors import ControllerError, OverloadedError, UnauthenticatedError
from controller.intake.hearing import Heard
from controller.intake.return_times import LONGEST
from controller.intake.room import Room
from controller.store.port.reports import Receipt, Submission

_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
_LENGTH_DIGITS: Final = 6
_encode: Final = msgspec.json.encode
HEADERS: Final = ((b"content-type", b"application/json"), *SAFE_HEADERS)
"""Of every answer to a report that was taken, beside its length."""


class Sender(NamedTuple):
    """Whose report it is, as far as the head of the request can tell."""

    machine_uuid: str
    token_hash: str


class Reply(Protocol):
    """Who is to be answered. Called on the event loop, once."""

    loop: asyncio.AbstractEventLoop

    def taken(self, body: bytes) -> None:
        """The report is on disk; ``body`` is the answer's, with status 200 and ``HEADERS``."""
        ...

    def turned_away(self, headers: tuple[RawHeader, ...], body: bytes) -> None:
        """There is no room; the answer's status is 503, and these are its headers and its body."""
        ...

    def refused(self, error: Exception) -> None:
        """Nothing was taken; the application is to answer."""
        ...


class QuickReports:
    """Takes what is simple. One per process; used on its event loop alone."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        metrics = gate.metrics
        self._requests = metrics.requests.labels("POST", PATH, "200")
        self._turned_away = metrics.requests.labels("POST", PATH, "503")
        self._results = {
            word: metrics.reports.labels(word) for word in ("accepted", "duplicate", "superseded")
        }

    @property
    def body_seconds(self) -> float:
        """How long a body may take to arrive."""
        return self._gate.services.limits.body_seconds

    @property
    def room(self) -> Room:
        """Where room for what arrives is taken."""
        return self._gate.services.intake.room

    def sender(self, headers: Sequence[tuple[bytes, bytes]]) -> Sender | None:
        """Whose report a ``POST`` with these headers brings; none when the application is to take it.

        Then the body has a length of at most ``LARGE``.
        """
        token_hash = _simple(headers)
        known = None if token_hash is None else self._gate.whose(token_hash)
        if known is None or known.machine_uuid is None or token_hash is None:
            return None
        return Sender(known.machine_uuid, token_hash)

    def take(self, sender: Sender, body: bytes, reply: Reply) -> None:
        """Read a report and queue it; the reply is told what became of it, now or later."""
        services, hearing = self._gate.services, self._gate.hearing
        if services.intake.full:
            self.turn_away(sender, reply)
            return
        try:
            report, heard = hearing.read(sender.machine_uuid, body)
            submission = Submission(*sender, report, services.clock())
            services.intake.queue(submission, _Waiting(self, sender, heard, reply), len(body))
        except Exception as error:  # noqa: BLE001 - the edge answers for all of them
            self.refuse(sender, error, reply)

    def turn_away(self, sender: Sender, reply: Reply) -> None:
        """Refuse a report unread, for want of room."""
        self.refuse(sender, self._gate.services.intake.refusal(sender.machine_uuid), reply)

    def answer(self, sender: Sender, heard: Heard | None, receipt: Receipt, reply: Reply) -> None:
        """Answer a report that is on disk."""
        if heard is not None and repeatable(receipt):
            self._gate.hearing.accepted(sender.machine_uuid, heard)
        self._results[result_of(receipt)].inc()
        self._requests.inc()
        reply.taken(_encode(shown(receipt)))

    def refuse(self, sender: Sender, error: Exception, reply: Reply) -> None:
        """Count a report that was not taken, and say so."""
        if isinstance(error, ControllerError | RequestError):
            self._gate.metrics.reports.labels(word_of(error)).inc()
        if isinstance(error, OverloadedError):
            # Of a crowd most are turned away at first: that must cost less than to take them.
            self._turned_away.inc()
            reply.turned_away(*_answer_to(str(error), error.retry_after))
            return
        if isinstance(error, UnauthenticatedError):
            self._gate.known.forget(sender.token_hash)
        reply.refused(error)


class _Waiting:
    """What the intake tells when a report is on disk, or is not."""

    __slots__ = ("_heard", "_quick", "_reply", "_sender")

    def __init__(
        self, quick: QuickReports, sender: Sender, heard: Heard | None, reply: Reply
    ) -> None:
        self._quick, self._sender, self._heard, self._reply = quick, sender, heard, reply

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._reply.loop

    def done(self) -> bool:
        # A client that has gone does not undo what it sent.
        return False

    def set_result(self, receipt: Receipt, /) -> None:
        self._quick.answer(self._sender, self._heard, receipt, self._reply)

    def set_exception(self, error: Exception, /) -> None:
        self._quick.refuse(self._sender, error, self._reply)


@lru_cache(LONGEST)
def _answer_to(message: str, retry_after: int) -> tuple[tuple[RawHeader, ...], bytes]:
    """Headers and body of a refusal for want of room."""
    answer = respond(OverloadedError(message, retry_after))
    return tuple(with_safe_headers(answer.raw_headers)), bytes(answer.body)


def _simple(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """The hash of the token when the request is of the simple kind."""
    token = length = kind = b""
    for name, value in headers:
        if name == b"authorization":
            if token:
                return None
            token = value
        elif name == b"content-length":
            length = value
        elif name == b"content-type":
            if kind:
                return None
            kind = value
        elif name in _NOT_SIMPLE:
            return None
    if not token.startswith(b"Bearer gwa_") or kind not in _JSON:
        return None
    if not length.isdigit() or len(length) > _LENGTH_DIGITS or int(length) > LARGE:
        return None
    return sha256(token[7:].strip()).hexdigest()


_NOT_SIMPLE: Final = frozenset({b"content-encoding", b"expect", b"upgrade", b"transfer-encoding"})
