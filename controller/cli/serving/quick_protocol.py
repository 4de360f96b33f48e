"""HTTP that does the common requests itself: no task, no application, one write for the answer.

The server's task, the application's layers and their messages are most of what a report costs, or a
number that was just asked for. Everything else, and every refusal, goes the ordinary way.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, ClassVar, Final, Protocol, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from controller.api.errors import RequestError
from controller.api.gate import REFUSED_KEY, REPORTS, RawHeader
from controller.api.quick_reads import QuickReads
from controller.api.report_quick import HEADERS, QuickReports, Sender
from controller.cli.access.patience import PatientProtocol

_URL: Final = REPORTS.encode()
_COMMON: Final = b"/api/v1/compliance/"
_OK: Final = b"HTTP/1.1 200 OK\r\n"
_NOT_NOW: Final = b"HTTP/1.1 503 Service Unavailable\r\n"


class Quick(Protocol):
    """What of an application is quick."""

    quick_reports: QuickReports
    quick_reads: QuickReads


def protocol_of(quick: Quick) -> type[QuickProtocol]:
    """The protocol of a server of an application with this state."""
    return type(
        "ServedProtocol",
        (QuickProtocol,),
        {"reports": quick.quick_reports, "reads": quick.quick_reads},
    )


class QuickProtocol(PatientProtocol):
    """A connection on which simple requests are answered at once."""

    reports: ClassVar[QuickReports]
    reads: ClassVar[QuickReads]

    def on_headers_complete(self) -> None:
        exchange = self._exchange() if self.url.startswith(_COMMON) and self._quiet() else None
        if exchange is None:
            super().on_headers_complete()
            return
        self._headers_are_here()
        # From here on the connection is busy, as the library sees it.
        self.cycle = cast("RequestResponseCycle", exchange)

    def _exchange(self) -> _Exchange | None:
        """What answers a request of the simple kind."""
        parser, method = self.parser, self.parser.get_method()
        if parser.get_http_version() != "1.1":
            return None
        if method == b"GET":
            answer = self.reads.again(self.url, self.headers)
            return None if answer is None else _Read(self, answer)
        if method == b"POST" and self.url == _URL:
            sender = self.reports.sender(self.headers)
            return None if sender is None else _Taking(self, sender)
        return None

    def _quiet(self) -> bool:
        """Whether nothing is on its way to the client."""
        before: Any = self.cycle
        return (before is None or before.response_complete) and not self.flow.write_paused

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting: Any = self.cycle
        if type(waiting) is _Taking and not waiting.whole:
            waiting.expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        exchange: Any = self.cycle
        if type(exchange) is _Taking:
            exchange.end_of_arrival()
        super().connection_lost(exc)

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if type(cycle) is _Taking:
            cycle.parts.append(body)
            cycle.fresh += len(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if isinstance(cycle, _Exchange):
            cycle.complete()
        else:
            super().on_message_complete()

    def hand_over(self, exchange: _Taking, error: Exception) -> None:
        """Let the application answer a report that was refused."""
        scope = exchange.scope
        scope.update(method="POST", path=REPORTS, raw_path=_URL, query_string=b"")
        scope[REFUSED_KEY] = error
        cycle = RequestResponseCycle(
            scope=cast("Any", scope),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=exchange.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        cycle.disconnected = exchange.disconnected
        if self.cycle is cast("Any", exchange):
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)


@lru_cache(maxsize=2)
def _begins(status: bytes, headers: tuple[RawHeader, ...]) -> bytes:
    """How answers begin; the server's own headers, with the date, are new every second."""
    return status + _lines(headers)


def _lines(headers: tuple[RawHeader, ...]) -> bytes:
    return b"".join([b"%s: %s\r\n" % each for each in headers])


_TAKEN: Final = _lines(HEADERS)


class _Nobody:
    """Who waits for a report's body: nobody."""

    def set(self) -> None:
        """As the library's cycles are told."""


class _Exchange:
    """A request and its answer. Stands where the library keeps its own kind, with what it looks at."""

    message_event: Final = _Nobody()

    def __init__(self, protocol: QuickProtocol) -> None:
        self._protocol = protocol
        self.loop = protocol.loop
        self.scope: dict[str, Any] = protocol.scope  # type: ignore[assignment]
        self.keep_alive: bool = protocol.parser.should_keep_alive()
        self.disconnected = False
        self.response_complete = False

    def complete(self) -> None:
        """All of the request is here."""
        raise NotImplementedError

    def _send(self, lines: bytes, body: bytes, status: bytes = _OK) -> None:
        """Send an answer with these header lines, if there is still somebody to send it to."""
        protocol = self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        begins = _begins(status, tuple(protocol.server_state.default_headers))
        ending = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        protocol.transport.write(b"".join((begins, lines, ending, body)))
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()


class _Read(_Exchange):
    """A number that was just asked for."""

    def __init__(self, protocol: QuickProtocol, answer: tuple[bytes, bytes]) -> None:
        super().__init__(protocol)
        self._answer = answer

    def complete(self) -> None:
        self._send(*self._answer)


class _Taking(_Exchange):
    """A report."""

    def __init__(self, protocol: QuickProtocol, sender: Sender) -> None:
        super().__init__(protocol)
        self._sender = sender
        self.parts: list[bytes] = []
        self.fresh = 0
        """Bytes that came since room was last taken for what came."""
        self.whole = False
        self._held = 0
        self._let_go = False
        self._deadline: asyncio.TimerHandle | None = None

    def expect_more(self) -> None:
        """Bound the time that the rest of the body may take, and what is held of it meanwhile."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(
                self._protocol.reports.body_seconds, self._too_slow
            )
        if self._let_go or not self._protocol.reports.room.take(self.fresh):
            self._let_go = True
            self.parts.clear()
        else:
            self._held += self.fresh
        self.fresh = 0

    def end_of_arrival(self) -> None:
        """Nothing more comes: hold no room for it."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._protocol.reports.room.give_back(self._held)
            self._held = 0

    def _too_slow(self) -> None:
        if self.whole or self.disconnected:
            return
        self.whole = True
        self.end_of_arrival()
        self.parts.clear()
        seconds = self._protocol.reports.body_seconds
        message = f"the body took more than {seconds:g} s to arrive"
        error = RequestError(408, "BODY_TIMEOUT", message, {"Connection": "close"})
        self._protocol.reports.refuse(self._sender, error, self)

    def complete(self) -> None:
        """All of the body is here."""
        if self.whole:
            return
        self.whole = True
        self.end_of_arrival()
        if self._let_go:
            self._protocol.reports.turn_away(self._sender, self)
            return
        parts, self.parts = self.parts, []
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._protocol.reports.take(self._sender, body, self)

    def taken(self, body: bytes) -> None:
        """Send the answer."""
        self._send(b"content-length: %d\r\n%s" % (len(body), _TAKEN), body)

    def turned_away(self, headers: tuple[RawHeader, ...], body: bytes) -> None:
        """Send the refusal."""
        self._send(_lines(headers), body, _NOT_NOW)

    def refused(self, error: Exception) -> None:
        """Let the application say why."""
        if not self.disconnected:
            self._protocol.hand_over(self, error)
