"""10,000 machines that report at once after an outage: to a running controller, and to one just started."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from controller.store.store import open_store
from tests.benchmarks.client import Tally, connect, request, retry_after, run
from tests.benchmarks.fleet import NOW, machine_uuid, stored, token
from tests.benchmarks.load import PATH, Fleet, steady
from tests.benchmarks.measure import Outcome, above, below, figure
from tests.benchmarks.reports import Speaker
from tests.benchmarks.server import Served, controller, scratch

MACHINES = 10_000
PEAK_LINKS = 64
"""How many machines send at a time where there is no crowd."""
PATIENCE = 600.0
INTERVAL = 60.0
"""Seconds between two questions for work, as agents are told."""
CHANGED = 2
STEADY_RATE, STEADY_SECONDS = 100, 5
LEAST_GOODPUT = 0.8
ROUNDS = 3
"""A crowd and the peak beside it, in turn."""


@dataclass(frozen=True, slots=True)
class Herd:
    """What became of everybody, once."""

    tally: Tally
    done: list[float]
    """When each was taken, in seconds since the first report was sent."""
    peak: float
    """Reports a second when ``PEAK_LINKS`` machines send at a time, the next when one is answered."""
    memory: int
    """Bytes beyond those at the start."""
    after: float
    """The p99 of a quiet load right afterwards, in seconds."""

    @property
    def goodput(self) -> float:
        """Reports taken a second while the herd lasted."""
        return len(self.done) / max(self.done)


async def herd(port: int, posts: list[bytes], links: int = MACHINES) -> tuple[Tally, list[float]]:
    """Everybody connects and sends at once, and again when told to, until all are taken.

    Until the first report is sent, this client opens connections and the controller has nothing to take.
    """
    tally, done = Tally(), list[float]()
    gate = asyncio.Semaphore(links)
    started = time.perf_counter()
    first = 0.0

    async def machine(data: bytes) -> None:
        nonlocal first
        while time.perf_counter() - started < PATIENCE:
            async with gate:
                began = time.perf_counter()
                try:
                    link = await connect(port)
                    first = first or time.perf_counter()
                    status, head, _ = await link.ask(data)
                    link.close()
                except OSError:
                    tally.errors += 1
                    status, head = 0, b""
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            if status == 200:
                tally.latencies.append(time.perf_counter() - began)
                done.append(time.perf_counter() - first)
                return
            wait = retry_after(head) if status in {429, 503} else 5
            if status in {429, 503}:
                tally.retry_after.append(wait)
            await asyncio.sleep(max(wait, 1) + random.random())

    await asyncio.gather(*(machine(data) for data in posts))
    tally.seconds = time.perf_counter() - started
    return tally, done


class Machines:
    """The fleet, with what each of them says."""

    def __init__(self, digests: list[str]) -> None:
        self._speakers = [Speaker(n, digests) for n in range(MACHINES)]
        self._tokens = [token(n) for n in range(MACHINES)]

    def posts(self, changed: int = CHANGED) -> list[bytes]:
        """A report of everybody."""
        for each in self._speakers:
            each.change(changed)
        return [
            request("POST", PATH, each.body(), secret)
            for each, secret in zip(self._speakers, self._tokens, strict=True)
        ]


def quiet(served: Served) -> float:
    """The p99 of a load that the controller hardly notices."""
    some = Fleet([token(n) for n in range(500)], served.digests(200))
    run(lambda: steady(served.port, some, STEADY_RATE, STEADY_SECONDS, links=8))
    tally = run(lambda: steady(served.port, some, STEADY_RATE, STEADY_SECONDS, links=8))
    return tally.percentile(0.99)


def measure(served: Served, machines: Machines, peak: float) -> Herd:
    """Let everybody come at once, and look whether all is then as it was."""
    memory = served.memory()
    posts = machines.posts()
    tally, done = run(lambda: herd(served.port, posts))
    memory = served.memory() - memory
    return Herd(tally, done, peak, memory, quiet(served))


def at_peak(served: Served, machines: Machines) -> float:
    """Reports a second when there is no crowd."""
    posts = machines.posts()
    tally, done = run(lambda: herd(served.port, posts, links=PEAK_LINKS))
    if tally.statuses != {200: MACHINES}:
        raise RuntimeError(f"{tally.statuses}, {tally.errors} errors")
    return MACHINES / max(done)


def rows() -> list[Outcome]:
    with scratch() as folder:
        stored(folder / "data", MACHINES).close()
        with controller(folder) as served:
            machines = Machines(served.digests(200))
            at_peak(served, machines)  # what they say for the first time is read whole
            running = [measure(served, machines, at_peak(served, machines)) for _ in range(ROUNDS)]
        restarted = []
        for _ in range(ROUNDS):
            # What the peak of a fresh process is, only a fresh process can tell.
            with controller(folder) as served:
                peak = at_peak(served, machines)
            with controller(folder) as served:
                restarted.append(measure(served, machines, peak))
        kept = on_disk(folder)
    return [
        *outcomes("herd", running, kept),
        *outcomes("herd after a restart", restarted, kept),
    ]


def on_disk(folder: Path) -> int:
    """How many machines' reports are in the store."""
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
    return kept


def outcomes(name: str, rounds: list[Herd], kept: int) -> list[Outcome]:
    """The worst of all rounds; only rates are averages, since the machine has its own ups and downs."""
    told = [each for found in rounds for each in found.tally.retry_after]
    untold = sum(1 for each in told if each < 1)
    taken = min(len(found.done) for found in rounds)
    peak = mean(found.peak for found in rounds)
    goodput = mean(found.goodput for found in rounds)
    statuses = Counter[int]()
    for found in rounds:
        statuses.update(found.tally.statuses)
    words = ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items()))
    wait = f", told to wait {min(told)} to {max(told)} s" if told else ""
    return [
        below(f"{name} of {MACHINES:,}: accepted and not on disk", taken - kept, 1, "reports"),
        below(f"{name}: machines never taken", MACHINES - taken, 1, "machines"),
        below(
            f"{name}: refusals (of {len(told):,}) without a time to return", untold, 1, "answers"
        ),
        below(
            f"{name}: p99 of what is accepted",
            max(found.tally.percentile(0.99) for found in rounds),
            30,
        ),
        below(
            f"{name}: memory beyond the start",
            max(found.memory for found in rounds) / 2**20,
            512,
            "MiB",
        ),
        above(
            f"{name}: goodput, of a peak of {peak:,.0f} reports/s",
            goodput / peak * 100,
            LEAST_GOODPUT * 100,
            "%",
        ),
        below(
            f"{name}: until everybody was taken, two intervals",
            max(found.tally.seconds for found in rounds),
            2 * INTERVAL,
        ),
        below(
            f"{name}: p99 of {STEADY_RATE} reports/s right afterwards",
            max(found.after for found in rounds),
            0.5,
        ),
        figure(f"{name}: answers of {len(rounds)} rounds", f"{words}{wait}"),
    ]
