"""A client that costs little: raw HTTP/1.1 over many kept connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import time
from collections import deque
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


def answer_in(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The lower-cased head and the body of the first whole answer, and what follows it."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    found = head.find(b"content-length: ")
    if found >= 0:
        stop = end + 4 + int(head[found + 16 :].split(b"\r", 1)[0])
    elif b"transfer-encoding: chunked" in head:
        last = data.find(b"0\r\n\r\n", end + 2)
        stop = last + 5 if last >= 0 else len(data) + 1
    else:
        stop = end + 4
    return (head, data[end + 4 : stop], data[stop:]) if len(data) >= stop else None


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
        if self._waiter is None:
            return
        found = answer_in(self._buffer)
        if found is None:
            return
        head, answer, self._buffer = found
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


class _Talker(asyncio.Protocol):
    """A connection that sends its next request as soon as the last one is answered; no task, no future."""

    def __init__(self, waiting: deque[bytes], tally: Tally) -> None:
        self._waiting, self._tally = waiting, tally
        self._buffer = b""
        self._since = 0.0
        self._asking = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def next(self) -> None:
        """Send what is next, or be done."""
        self._asking = bool(self._waiting)
        if not self._asking:
            self._transport.close()
            return
        self._since = time.perf_counter()
        self._transport.write(self._waiting.popleft())

    def data_received(self, data: bytes) -> None:
        found = answer_in(self._buffer + data if self._buffer else data)
        if found is None:
            self._buffer += data
            return
        head, _, self._buffer = found
        status, tally = int(head[9:12]), self._tally
        tally.latencies.append(time.perf_counter() - self._since)
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
        if status in {429, 503}:
            tally.retry_after.append(retry_after(head))
        self.next()

    def connection_lost(self, error: Exception | None) -> None:
        self._tally.errors += self._asking
        self.done.set_result(None)


async def _hammer(port: int, requests: Sequence[bytes], connections: int) -> Tally:
    loop, tally, waiting = asyncio.get_running_loop(), Tally(), deque(requests)

    async def link() -> _Talker:
        talker = _Talker(waiting, tally)
        await loop.create_connection(lambda: talker, "127.0.0.1", port)
        return talker

    async def work(talker: _Talker) -> None:
        talker.next()
        await talker.done
        while waiting:  # it was closed under its request; another one goes on
            talker = await link()
            talker.next()
            await talker.done

    talkers = [await link() for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(work(talker) for talker in talkers))
    tally.seconds = time.perf_counter() - started
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
