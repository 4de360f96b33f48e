"""The fleet's numbers again, as long as nothing has changed: the answer just given is given once more.

An answer is one caller's own, and holds only at the store's change number that it was made at, which is
read at every request: a revoked token or a new report ends it at once. What time alone moves (an exception
near its end, a machine that becomes stale) waits for ``MOST_AGE`` seconds at most.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.api.gate import CHARGE_KEY, ROUTE_KEY, Charge
from controller.api.services import Services

PATHS: Final = frozenset(
    f"/api/v1/compliance/{name}" for name in ("stats", "trend", "stats/top-failing")
)
MOST_AGE: Final = 0.25
_MOST_KEPT: Final = 256
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Answer:
    change: int
    made_at: float
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class QuickReads:
    """Keeps the newest answers. One per process; used on its event loop alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: OrderedDict[tuple[str, str, bytes], _Answer] = OrderedDict()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, asked only when no kept answer holds."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            key = _key(scope)
            if key is None:
                await app(scope, receive, send)
                return
            # One small read, which never waits for the writer.
            change = self._services.store.change()
            now = self._services.monotonic()
            kept = self._kept.get(key)
            if kept is None or kept.change != change or now - kept.made_at >= MOST_AGE:
                await self._make(key, change, now, app, scope, receive, send)
                return
            scope[ROUTE_KEY] = scope["path"]
            start = {"type": "http.response.start", "status": 200, "headers": list(kept.headers)}
            await send(start)
            await send({"type": "http.response.body", "body": kept.body})

        return answer

    async def _make(
        self,
        key: tuple[str, str, bytes],
        change: int,
        now: float,
        app: ASGIApp,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        headers: list[tuple[bytes, bytes]] | None = None

        async def keep(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = list(message["headers"])
            elif headers is not None and not message.get("more_body"):
                body = message.get("body", b"")
                if len(body) <= _MOST_BYTES:
                    self._kept[key] = _Answer(change, now, tuple(headers), body)
                    self._kept.move_to_end(key)
                    if len(self._kept) > _MOST_KEPT:
                        self._kept.popitem(last=False)
            await send(message)

        await app(scope, receive, keep)


def _key(scope: Scope) -> tuple[str, str, bytes] | None:
    """Whose answer to what; none where the request has more to it."""
    charge: Charge = scope[CHARGE_KEY]
    if charge.token_hash is None or charge.known is None or charge.known.machine_uuid is not None:
        return None
    if any(name == b"if-none-match" for name, _ in scope["headers"]):
        return None
    return charge.token_hash, scope["path"], scope["query_string"]
