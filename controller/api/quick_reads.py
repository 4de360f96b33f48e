"""The fleet's numbers again, as long as nothing has changed: the answer just given is given once more.

An answer is one caller's own, and holds only at the store's change number that it was made at, which is
read at every request: a revoked token or a new report ends it at once. What time alone moves (an exception
near its end, a machine that becomes stale) waits for ``MOST_AGE`` seconds at most.

The application makes an answer. The server's protocol gives it again, with nothing around it, when the
request is as plain as can be; any other is the application's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.api.gate import (
    CHARGE_KEY,
    Charge,
    Gate,
    RawHeader,
    account_of,
    rate_headers,
    with_safe_headers,
)
from controller.api.tokens import bearer_hash
from controller.errors import StoreError

PATHS: Final = frozenset(
    f"/api/v1/compliance/{name}" for name in ("stats", "trend", "stats/top-failing")
)
MOST_AGE: Final = 0.25
_MOST_KEPT: Final = 256
_MOST_BYTES: Final = 64 * 1024
_NOT_PLAIN: Final = frozenset({b"expect", b"if-none-match", b"transfer-encoding", b"upgrade"})
_Key = tuple[str, bytes, bytes]
"""Whose, path and query."""


@dataclass(frozen=True, slots=True)
class _Answer:
    change: int
    made_at: float
    lines: bytes
    """Its headers, but for how the caller's account stands."""
    body: bytes


class QuickReads:
    """Keeps the newest answers. One per process; used on its event loop alone."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._kept: OrderedDict[_Key, _Answer] = OrderedDict()
        count = gate.metrics.requests.labels
        self._requests = {path.encode(): count("GET", path, "200") for path in sorted(PATHS)}

    def again(self, url: bytes, headers: Sequence[RawHeader]) -> tuple[bytes, bytes] | None:
        """Header lines and body to answer a ``GET`` with; none when the application is to answer."""
        path, _, query = url.partition(b"?")
        requests = self._requests.get(path)
        if requests is None or not _plain(headers):
            return None
        token_hash = bearer_hash(headers)
        kept = None if token_hash is None else self._kept.get((token_hash, path, query))
        if kept is None or token_hash is None or not self._holds(token_hash, kept):
            return None
        services, limiter = self._gate.services, self._gate.limiter
        account = account_of(token_hash), services.limits.user_requests_per_minute
        allowance = limiter.charge(*account)
        if allowance.exceeded:
            limiter.refund(*account)  # who refuses it counts it
            return None
        requests.inc()
        return kept.lines + _lines(rate_headers(allowance, services.clock().timestamp())), kept.body

    def _holds(self, token_hash: str, kept: _Answer) -> bool:
        """Whether an answer may be given once more."""
        services = self._gate.services
        known = self._gate.known.get(token_hash)
        if known is None or known.machine_uuid is not None:
            return False
        try:
            # One small read, which never waits for the writer.
            change = services.store.change()
        except StoreError:
            return False
        return kept.change == change and services.monotonic() - kept.made_at < MOST_AGE

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, whose answers are kept."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            key = _key(scope)
            if key is None:
                await app(scope, receive, send)
                return
            services = self._gate.services
            change, now = services.store.change(), services.monotonic()
            lines: bytes | None = None

            async def keep(message: Message) -> None:
                nonlocal lines
                if message["type"] == "http.response.start" and message["status"] == 200:
                    lines = _lines(with_safe_headers(message["headers"]))
                elif lines is not None:
                    if not message.get("more_body"):
                        self._keep(key, _Answer(change, now, lines, message.get("body", b"")))
                    lines = None  # what comes in pieces is not kept
                await send(message)

            await app(scope, receive, keep)

        return answer

    def _keep(self, key: _Key, answer: _Answer) -> None:
        if len(answer.body) <= _MOST_BYTES:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)


def _plain(headers: Iterable[RawHeader]) -> bool:
    """Whether nothing but path, query and token decides the answer."""
    for name, value in headers:
        if name in _NOT_PLAIN or (name == b"content-length" and value != b"0"):
            return False
    return True


def _lines(headers: Iterable[RawHeader]) -> bytes:
    return b"".join([b"%s: %s\r\n" % each for each in headers])


def _key(scope: Scope) -> _Key | None:
    """Whose answer to what; none where the request has more to it."""
    charge: Charge = scope[CHARGE_KEY]
    if charge.token_hash is None or charge.known is None or charge.known.machine_uuid is not None:
        return None
    if not _plain(scope["headers"]):
        return None
    return charge.token_hash, scope["path"].encode(), scope["query_string"]
