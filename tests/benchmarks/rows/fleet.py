"""A fleet of 100,000 in the running program: start, reads under load, requests during a re-score."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.client import connect, request, run
from tests.benchmarks.fleet import machine_uuid, stored, token
from tests.benchmarks.load import Fleet, steady
from tests.benchmarks.measure import Outcome, below, figure
from tests.benchmarks.repository import commit, policy
from tests.benchmarks.rows.catalogs import until_serving
from tests.benchmarks.server import Served, controller, scratch

MACHINES = 100_000
REPORTING = 2_000
RATE, SECONDS = 500, 30
LOOKS = 0.1
"""Seconds between two looks at each page: some 300 of each, so that a p99 is not the worst of a few."""
PLENTY = {"GITWARD_USER_REQUESTS_PER_MINUTE": "100000"}
READS = (
    "/api/v1/compliance/stats",
    "/api/v1/compliance/trend",
    "/api/v1/compliance/stats/top-failing",
    f"/api/v1/compliance/score/agent/{machine_uuid(77)}",
)


def rows() -> list[Outcome]:
    with scratch() as folder:
        stored(folder / "data", MACHINES).close()
        with controller(folder) as served:
            settle(served)
        started = below(
            f"start with {MACHINES:,} machines stored, until ready",
            until_serving(folder / "repo", folder / "data"),
            3,
        )
        with controller(folder, environment_more=PLENTY) as served:
            tokens = [token(n) for n in range(REPORTING)]
            fleet = Fleet(tokens, served.digests(200))
            warm(served, fleet)
            return [started, *under_load(served, fleet), *rescoring(served, folder, fleet)]


def settle(served: Served) -> None:
    """Wait until the first commit has been put in force for every machine."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and unfinished(served):
        time.sleep(0.5)


def unfinished(served: Served) -> bool:
    from controller.store.store import open_store

    store = open_store(served.data)
    with store.read() as reading:
        found = reading.unfinished() or reading.in_force().revision is None
    store.close()
    return found


def warm(served: Served, fleet: Fleet) -> None:
    run(lambda: steady(served.port, fleet, 150, REPORTING / 150 + 1, links=8))


async def _reads(
    port: int, secret: str, paths: Sequence[str], seconds: float
) -> dict[str, list[float]]:
    link = await connect(port)
    found: dict[str, list[float]] = {path: [] for path in paths}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        for path in paths:
            started = time.perf_counter()
            status, _, _ = await link.ask(request("GET", path, token=secret))
            if status != 200:
                raise RuntimeError(f"{path}: {status}")
            found[path].append(time.perf_counter() - started)
        await asyncio.sleep(LOOKS)
    link.close()
    return found


def under_load(served: Served, fleet: Fleet) -> list[Outcome]:
    """The p99 of reads while reports come in."""
    secret = served.viewer()

    async def both() -> tuple[dict[str, list[float]], str]:
        reads, tally = await asyncio.gather(
            _reads(served.port, secret, READS, SECONDS),
            steady(served.port, fleet, RATE, SECONDS),
        )
        words = (
            f"{tally.statuses.get(200, 0) / tally.seconds:,.0f}/s taken, p50 "
            f"{tally.percentile(0.5) * 1e3:.1f} ms, p99 {tally.percentile(0.99) * 1e3:.1f} ms"
        )
        return reads, words

    found, words = run(both)
    outcomes = [
        below(
            f"`GET {path[18:40]}` at {MACHINES:,} machines and {RATE} reports/s, p99",
            sorted(times)[int(len(times) * 0.99)],
            0.02,
        )
        for path, times in found.items()
    ]
    return [*outcomes, figure(f"reports at {RATE}/s beside those reads", words)]


def rescoring(served: Served, folder: Path, fleet: Fleet) -> list[Outcome]:
    """The longest that any request waits while a commit re-scores everybody: reads, and reports."""
    commit(
        folder / "repo",
        {"policies/policy-00000.yaml": policy(0).replace("threshold: 70", "threshold: 71")},
    )
    secret = served.viewer()
    over = asyncio.Event()

    async def watch() -> tuple[list[float], list[str], float]:
        link = await connect(served.port)
        waits, revisions = list[float](), list[str]()
        started = time.perf_counter()
        changed = 0.0
        while time.perf_counter() - started < 120:
            asked = time.perf_counter()
            status, _, body = await link.ask(request("GET", "/healthz"))
            waits.append(time.perf_counter() - asked)
            if len(waits) % 25 == 0:
                asked = time.perf_counter()
                status, _, body = await link.ask(request("GET", READS[0], token=secret))
                waits.append(time.perf_counter() - asked)
                if status == 200:
                    revision = body.split(b'"revision":', 1)[1][:60].decode()
                    if revision not in revisions:
                        revisions.append(revision)
                        changed = time.perf_counter() - started
            if len(revisions) > 1:
                break
            await asyncio.sleep(0.02)
        link.close()
        over.set()
        return waits, revisions, changed

    async def report() -> list[float]:
        link, waits = await connect(served.port), list[float]()
        while not over.is_set():
            asked = time.perf_counter()
            status, _, body = await link.ask(fleet.post())
            if status != 200:
                raise RuntimeError(f"{status}: {body.decode()}")
            waits.append(time.perf_counter() - asked)
            await asyncio.sleep(0.02)
        link.close()
        return waits

    async def both() -> tuple[tuple[list[float], list[str], float], list[float]]:
        return await asyncio.gather(watch(), report())

    (waits, revisions, changed), reports = run(both)
    if len(revisions) < 2:
        raise RuntimeError("the commit was not put in force")
    while_ = f"while a commit re-scores {MACHINES:,} machines"
    return [
        below(f"longest wait of any read {while_}", max(waits), 0.25),
        below(f"longest wait of any report {while_}", max(reports), 0.25),
        figure("from the commit to the new scores, poll interval included", f"{changed:.1f} s"),
        figure(
            "memory of the controller with 100,000 machines", f"{served.memory() / 2**20:,.0f} MiB"
        ),
    ]
