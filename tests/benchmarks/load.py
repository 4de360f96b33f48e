"""``python -m tests.benchmarks.load``: a fleet's reports against the real program over HTTP.

Machines with tokens report at a steady rate, whatever the answers take (an open loop: a slow server gets
no fewer requests). Prints posts a second, p50, p99, refusals and errors.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

from tests.benchmarks.client import Connection, Tally, connect, request, retry_after, run
from tests.benchmarks.reports import Speaker
from tests.benchmarks.server import Served, controller, scratch

PATH = "/api/v1/compliance/results"


class Fleet:
    """Machines that report in turn, each with its own token."""

    def __init__(self, tokens: Sequence[str], digests: Sequence[str], changed: int = 1) -> None:
        self._tokens = tokens
        self._digests = digests
        self._changed = changed
        self._speakers: dict[int, Speaker] = {}
        self._next = 0

    def post(self) -> bytes:
        """The next machine's next report."""
        number = self._next = (self._next + 1) % len(self._tokens)
        speaker = self._speakers.get(number)
        if speaker is None:
            speaker = self._speakers[number] = Speaker(number, self._digests)
        elif number % 4 == 0:
            speaker.change(self._changed)
        return request("POST", PATH, speaker.body(), self._tokens[number])


async def steady(port: int, fleet: Fleet, rate: float, seconds: float, links: int = 64) -> Tally:
    """Send at a rate for some seconds; latency counts from when a report was due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(links):
        free.put_nowait(await connect(port))
    tally, tasks = Tally(), set[asyncio.Task[None]]()

    async def send(due: float) -> None:
        link = await free.get()
        try:
            status, head, _ = await link.ask(fleet.post())
        except OSError:
            tally.errors += 1
            link = await connect(port)
        else:
            tally.latencies.append(time.perf_counter() - due)
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            if status in {429, 503}:
                tally.retry_after.append(retry_after(head))
        free.put_nowait(link)

    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        task = asyncio.create_task(send(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    tally.seconds = time.perf_counter() - started
    return tally


def report(tally: Tally, served: Served) -> str:
    taken = tally.statuses.get(200, 0)
    refused = sum(tally.statuses.get(status, 0) for status in (429, 503))
    other = sum(tally.statuses.values()) - taken - refused
    return (
        f"{taken / tally.seconds:,.0f} posts/s taken, p50 {tally.percentile(0.5) * 1e3:.1f} ms, "
        f"p99 {tally.percentile(0.99) * 1e3:.1f} ms, {refused} refused, {tally.errors + other} errors, "
        f"controller {served.memory() / 2**20:,.0f} MiB"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.add_argument("--machines", type=int, default=1_000)
    parser.add_argument("--reports-per-second", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with scratch() as folder, controller(folder) as served:
        tokens = [token for _, token in served.enroll(options.machines)]
        fleet = Fleet(tokens, served.digests(200))
        tally = run(lambda: steady(served.port, fleet, options.reports_per_second, options.seconds))
        print(report(tally, served))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
