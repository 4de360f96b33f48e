"""10,000 machines that report at once after an outage."""

from __future__ import annotations

import asyncio
import random
import time

from controller.store.store import open_store
from tests.benchmarks.client import Tally, connect, request, retry_after, run
from tests.benchmarks.fleet import NOW, machine_uuid, stored, token
from tests.benchmarks.load import PATH
from tests.benchmarks.measure import Outcome, below, figure
from tests.benchmarks.reports import Speaker
from tests.benchmarks.server import controller, scratch

MACHINES = 10_000
LINKS = 1_000
"""Connections at once; the others wait in the kernel's queue, as behind a proxy."""
PATIENCE = 600.0


async def herd(port: int, posts: list[bytes]) -> tuple[Tally, list[float]]:
    """Everybody sends at once, and again when told to, until all are taken."""
    tally, done = Tally(), list[float]()
    gate = asyncio.Semaphore(LINKS)
    started = time.perf_counter()

    async def machine(data: bytes) -> None:
        while time.perf_counter() - started < PATIENCE:
            async with gate:
                began = time.perf_counter()
                try:
                    link = await connect(port)
                    status, head, _ = await link.ask(data)
                    link.close()
                except OSError:
                    tally.errors += 1
                    status, head = 0, b""
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            if status == 200:
                tally.latencies.append(time.perf_counter() - began)
                done.append(time.perf_counter() - started)
                return
            wait = retry_after(head) if status in {429, 503} else 5
            if status in {429, 503}:
                tally.retry_after.append(wait)
            await asyncio.sleep(max(wait, 1) + random.random())

    await asyncio.gather(*(machine(data) for data in posts))
    tally.seconds = time.perf_counter() - started
    return tally, done


def rows() -> list[Outcome]:
    with scratch() as folder:
        stored(folder / "data", MACHINES).close()
        with controller(folder) as served:
            digests = served.digests(200)
            posts = [
                request("POST", PATH, Speaker(n, digests).body(), token(n)) for n in range(MACHINES)
            ]
            before = served.memory()
            tally, done = run(lambda: herd(served.port, posts))
            after = served.memory()
        store = open_store(folder / "data")
        with store.read() as reading:
            kept = sum(
                1
                for n in range(MACHINES)
                if (machine := reading.machine(machine_uuid(n))) is not None
                and machine.reported_at is not None
                and machine.reported_at > NOW
            )
        store.close()
    lost = len(done) - kept
    untold = sum(1 for each in tally.retry_after if each < 1)
    refused = sum(tally.statuses.get(status, 0) for status in (429, 503))
    words = ", ".join(f"{count} of {status}" for status, count in sorted(tally.statuses.items()))
    return [
        below(f"herd of {MACHINES:,}: accepted and not on disk", lost, 1, "reports"),
        below("herd: machines never taken", MACHINES - len(done), 1, "machines"),
        below(f"herd: refusals (of {refused:,}) without a time to return", untold, 1, "answers"),
        below("herd: p99 of what is accepted", tally.percentile(0.99), 30),
        below("herd: memory beyond the start", (after - before) / 2**20, 512, "MiB"),
        figure("herd: answers", words),
        figure("herd: until everybody was taken", f"{tally.seconds:.1f} s"),
    ]
