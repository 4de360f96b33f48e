"""A client that costs little: raw HTTP/1.1 over many kept connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import uvloop

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What became of the requests."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    errors: int = 0
    retry_after: list[int] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def request(
    method: str, path: str, body: bytes = b"", token: str = "", encoding: str = ""
) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    if body:
        head.append("Content-Type: application/json")
    if token:
        head.append(f"Authorization: Bearer {token}")
    if encoding:
        head.append(f"Content-Encoding: {encoding}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """One connection; hands over each answer's status, head and body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiter: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def ask(self, data: bytes) -> asyncio.Future[tuple[int, bytes, bytes]]:
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._waiter.set_exception(ConnectionError("closed"))
        else:
            self._transport.write(data)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiter is None:
            return
        head = self._buffer[:end].lower()
        found = head.find(b"content-length: ")
        if found >= 0:
            stop = end + 4 + int(head[found + 16 :].split(b"\r", 1)[0])
        elif b"transfer-encoding: chunked" in head:
            last = self._buffer.find(b"0\r\n\r\n", end + 2)
            stop = last + 5 if last >= 0 else len(self._buffer) + 1
        else:
            stop = end + 4
        if len(self._buffer) < stop:
            return
        answer, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
        waiter, self._waiter = self._waiter, None
        if not waiter.done():
            waiter.set_result((int(head[9:12]), head, answer))

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error or ConnectionError("closed"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connect(port: int) -> Connection:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(Connection, "127.0.0.1", port)
    return protocol


def run(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function on a quick loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(job())


async def _hammer(port: int, requests: Sequence[bytes], connections: int) -> Tally:
    links = [await connect(port) for _ in range(connections)]
    waiting = iter(requests)
    tally = Tally()

    async def work(link: Connection) -> None:
        for data in waiting:
            started = time.perf_counter()
            try:
                status, head, _ = await link.ask(data)
            except OSError:
                tally.errors += 1
                link = await connect(port)
                continue
            tally.latencies.append(time.perf_counter() - started)
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            if status in {429, 503}:
                tally.retry_after.append(retry_after(head))

    started = time.perf_counter()
    await asyncio.gather(*(work(link) for link in links))
    tally.seconds = time.perf_counter() - started
    for link in links:
        link.close()
    return tally


def retry_after(head: bytes) -> int:
    """Seconds from a lower-cased head; -1 when it does not say."""
    found = head.find(b"retry-after: ")
    return int(head[found + 13 :].split(b"\r", 1)[0]) if found >= 0 else -1


def hammer(port: int, requests: Sequence[bytes], connections: int = 64) -> Tally:
    """Send all, each connection its next as soon as its last is answered."""
    return run(lambda: _hammer(port, requests, connections))


def all_at_once(port: int, requests: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Send over a few connections; status and body of each, in order."""
    answers: list[tuple[int, bytes]] = [(0, b"")] * len(requests)

    async def job() -> None:
        waiting = iter(enumerate(requests))

        async def work() -> None:
            link = await connect(port)
            for index, data in waiting:
                status, _, body = await link.ask(data)
                answers[index] = (status, body)
            link.close()

        await asyncio.gather(*(work() for _ in range(16)))

    run(job)
    return answers
