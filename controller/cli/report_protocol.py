"""HTTP that takes the common report itself: no task, no application, one write for the answer.

Beside a body of some kilobytes, the server's task, the application's layers and their messages are most
of what a report costs. Everything else, and every refusal, goes the ordinary way.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from controller.api.errors import RequestError
from controller.api.gate import REFUSED_KEY, REPORTS
from controller.api.report_quick import HEADERS, QuickReports, Sender
from controller.cli.patience import PatientProtocol

_URL: Final = REPORTS.encode()
_OK: Final = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%s: %s\r\n" % each for each in HEADERS)


def protocol_of(reports: QuickReports) -> type[ReportProtocol]:
    """The protocol of a server that takes reports."""
    return type("ServedProtocol", (ReportProtocol,), {"reports": reports})


class ReportProtocol(PatientProtocol):
    """A connection on which a simple report is taken at once."""

    reports: ClassVar[QuickReports]

    def on_headers_complete(self) -> None:
        if self.url == _URL and self._quiet() and self.parser.get_method() == b"POST":
            sender = self.reports.sender(self.headers)
            if sender is not None and self.parser.get_http_version() == "1.1":
                self._headers_are_here()
                # From here on the connection is busy, as the library sees it.
                exchange = _Exchange(self, sender, keep_alive=self.parser.should_keep_alive())
                self.cycle = cast("RequestResponseCycle", exchange)
                return
        super().on_headers_complete()

    def _quiet(self) -> bool:
        """Whether nothing is on its way to the client."""
        before: Any = self.cycle
        return (before is None or before.response_complete) and not self.flow.write_paused

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting: Any = self.cycle
        if type(waiting) is _Exchange and not waiting.whole:
            waiting.expect_more()

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if type(cycle) is _Exchange:
            cycle.parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if type(cycle) is _Exchange:
            cycle.complete()
        else:
            super().on_message_complete()

    def hand_over(self, exchange: _Exchange, error: Exception) -> None:
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


class _Nobody:
    """Who waits for a report's body: nobody."""

    def set(self) -> None:
        """As the library's cycles are told."""


class _Exchange:
    """A report and its answer. Stands where the library keeps its own kind, with what it looks at."""

    message_event: Final = _Nobody()

    def __init__(self, protocol: ReportProtocol, sender: Sender, *, keep_alive: bool) -> None:
        self._protocol = protocol
        self._sender = sender
        self.loop = protocol.loop
        self.scope: dict[str, Any] = cast("dict[str, Any]", protocol.scope)
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.parts: list[bytes] = []
        self.whole = False
        self._deadline: asyncio.TimerHandle | None = None

    def expect_more(self) -> None:
        """Bound the time that the rest of the body may take."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(
                self._protocol.reports.body_seconds, self._too_slow
            )

    def _too_slow(self) -> None:
        if self.whole or self.disconnected:
            return
        self.whole = True
        seconds = self._protocol.reports.body_seconds
        message = f"the body took more than {seconds:g} s to arrive"
        error = RequestError(408, "BODY_TIMEOUT", message, {"Connection": "close"})
        self._protocol.reports.refuse(self._sender, error, self)

    def complete(self) -> None:
        """All of the body is here."""
        if self.whole:
            return
        self.whole = True
        if self._deadline is not None:
            self._deadline.cancel()
        parts, self.parts = self.parts, []
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._protocol.reports.take(self._sender, body, self)

    def taken(self, body: bytes) -> None:
        """Send the answer, if there is still somebody to send it to."""
        protocol = self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        head = [_OK]
        for name, value in protocol.server_state.default_headers:
            head.append(b"%s: %s\r\n" % (name, value))
        ending = b"" if self.keep_alive else b"connection: close\r\n"
        head.append(b"content-length: %d\r\n%s\r\n%s" % (len(body), ending, body))
        protocol.transport.write(b"".join(head))
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    def refused(self, error: Exception) -> None:
        """Let the application say why."""
        if not self.disconnected:
            self._protocol.hand_over(self, error)
