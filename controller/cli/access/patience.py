"""How long a client may take to say what it wants: slow senders must not hold connections."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PatientProtocol(HttpToolsProtocol):
    """HTTP with an absolute deadline for a request's line and headers.

    The library bounds idle connections only after a first answer. Bodies have their own deadline
    where they are read.
    """

    header_seconds: ClassVar[float] = 10.0

    _deadline: asyncio.TimerHandle | None = None
    _in_headers = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - the library's own type
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_are_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Headers that came whole, as nearly all do, need no timer.
        if self._in_headers and self._deadline is None:
            self._expect_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._headers_are_here()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        self._headers_are_here()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _headers_are_here(self) -> None:
        self._in_headers = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
