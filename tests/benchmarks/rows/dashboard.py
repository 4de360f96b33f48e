"""What a dashboard shows: data and front page at 100,000 machines, ``GET /stats``, size on disk."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import sqlite_utils

from controller.dashboard.app import create_dashboard
from controller.fleet.statistics import statistics, top_failing, trend
from controller.store.store import SqlStore
from tests.benchmarks.client import hammer, request
from tests.benchmarks.fleet import NOW, machine_uuid, stored
from tests.benchmarks.measure import Outcome, at_most, faster, figure, interleave, timed
from tests.benchmarks.reference import naive_dashboard
from tests.benchmarks.repository import check_id
from tests.benchmarks.server import background, controller, free_port, scratch
from tests.builders import sha
from tests.dashboard.serving import dashboard_services

MACHINES, FEWER = 100_000, 10_000
NAIVE = 10_000
"""The naive tables of 100,000 machines have 20 million rows; its queries are linear in them."""
FEW = 1_000
CHECKS = 200
PERSON = "gwu_benchmark-of-the-front-page"


def data(store: SqlStore) -> None:
    """All that the front page shows."""
    with store.read() as reading:
        statistics(reading, NOW)
        top_failing(reading, NOW, 10)
        trend(reading, NOW, 30)


def many(job: Callable[[], object], times: int) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        for _ in range(times):
            job()
        return (time.perf_counter() - started) / times

    return run


def naive(folder: Path, store: SqlStore) -> sqlite3.Connection:
    with store.read() as reading:
        checks = {id_: each.document for id_, each in reading.in_force().checks.items()}
        places = reading.in_force().rulebook.positions
        fleet = reading.every_machine(limit=NAIVE)

    def results() -> Iterator[tuple[int, str, str, str, str]]:
        for machine, posture in fleet:
            for id_, check in checks.items():
                status = posture.outcome(places[id_])
                yield machine.number, id_, check.category, check.severity, status

    scores = [(m.number, 50.0 + m.number % 50, ("low", "high")[m.number % 2], 1) for m, _ in fleet]
    return naive_dashboard.open_database(str(folder / "naive.db"), results(), scores)


def rows() -> list[Outcome]:
    with scratch() as folder:
        large, small = stored(folder / "large", MACHINES), stored(folder / "small", FEWER)
        outcomes = dashboard(folder, large, small)
        outcomes.append(front_page(folder, large))
        size = disk(folder, large)
        large.close()
        small.close()
        return [*outcomes, *size, stats(folder)]


def dashboard(folder: Path, large: SqlStore, small: SqlStore) -> list[Outcome]:
    database = naive(folder, small)
    slow, ours, few = interleave(
        5,
        timed(lambda: naive_dashboard.dashboard(database)),
        many(lambda: data(large), 50),
        many(lambda: data(small), 50),
    )
    name = f"dashboard data at {MACHINES:,} machines"
    what = f"naive GROUP BY queries (at {NAIVE:,} machines, times {MACHINES // NAIVE})"
    return [
        faster(name, what, slow * MACHINES / NAIVE, ours, 1000),
        at_most(name, f"the same at {FEWER:,} machines", few, ours, 1.5),
    ]


def front_page(folder: Path, large: SqlStore) -> Outcome:
    """The whole page as a signed-in person gets it: the session, the frame, the charts, the HTML."""
    small = stored(folder / "few", FEW)
    ours, few = interleave(7, pages(large, 30), pages(small, 30))
    small.close()
    name = f"the overview page at {MACHINES:,} machines, signed in"
    return at_most(name, f"the same at {FEW:,} machines", few, ours, 1.5)


def pages(store: SqlStore, times: int) -> Callable[[], float]:
    """Seconds a page, over so many requests to the dashboard's own application."""
    with store.write() as writing:
        hash_ = sha(PERSON)
        writing.add_token("p", "p", "viewer", hash_, actor="bench", as_of=NOW, expires_at=None)
    app = create_dashboard(dashboard_services(store, lambda: NOW))

    async def ask() -> float:
        transport = httpx.ASGITransport(app)
        cookies = {"gitward": PERSON}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gitward", cookies=cookies
        ) as client:
            started = time.perf_counter()
            for _ in range(times):
                answer = await client.get("/")
                if answer.status_code != 200 or "Need attention" not in answer.text:
                    raise RuntimeError(f"the overview answered {answer.status_code}")
            return (time.perf_counter() - started) / times

    return lambda: asyncio.run(ask())


def disk(folder: Path, store: SqlStore) -> list[Outcome]:
    """Bytes a machine: what it was found to be, and since when, against text rows with one index."""
    with store.write() as tx:
        (pages,) = tx.db.one("PRAGMA page_count") or (0,)
        (free,) = tx.db.one("PRAGMA freelist_count") or (0,)
        postures = tx.db.all(
            "SELECT p.machine, p.passed, p.failed, p.errored, p.not_applicable, t.body, p.heard,"
            " p.spoke FROM posture p JOIN outcome_time t ON t.machine = p.machine"
        )
    everything = (pages - free) * 4096 / MACHINES
    bare = folder / "postures.db"
    alone = sqlite_utils.Database(bare)
    marks = ", ".join("?" * len(postures[0]))
    alone.conn.execute(
        "CREATE TABLE posture (machine INTEGER PRIMARY KEY, passed BLOB, failed BLOB, errored BLOB,"
        " not_applicable BLOB, times BLOB, heard BLOB, spoke BLOB)"
    )
    alone.conn.executemany(f"INSERT INTO posture VALUES ({marks})", postures)
    alone.conn.commit()
    ours = bare.stat().st_size / MACHINES
    path = folder / "rows.db"
    database = sqlite_utils.Database(path)
    database.conn.executescript(
        "CREATE TABLE result (machine TEXT, check_id TEXT, status TEXT, status_since TEXT,"
        " first_failed_at TEXT); CREATE UNIQUE INDEX result_machine ON result (machine, check_id)"
    )
    database.conn.executemany(
        "INSERT INTO result VALUES (?, ?, ?, ?, ?)",
        (
            (
                machine_uuid(n),
                check_id(c),
                "passed",
                f"2026-06-01T12:{n % 60:02}:{c % 60:02}Z",
                None,
            )
            for n in range(1_000)
            for c in range(CHECKS)
        ),
    )
    database.conn.commit()
    theirs = path.stat().st_size / 1_000
    name = f"state on disk per machine of {CHECKS} checks, without evidence, with times"
    return [
        faster(name, "text rows with one index", theirs, ours, 20, "bytes"),
        figure(
            "the whole database per machine: tokens, scores, contact, history",
            f"{everything:,.0f} bytes",
        ),
    ]


def stats(folder: Path) -> Outcome:
    """``GET /stats`` of the whole program against Datasette on a table of counters."""
    home = folder / "served"
    stored(home / "data", MACHINES).close()
    counters = folder / "counters.db"
    table = sqlite_utils.Database(counters).table("total")
    table.insert_all({"policy": n, "agents": n, "compliant": n, "score": n} for n in range(1, 5))
    port = free_port()
    command = [sys.executable, "-m", "datasette", "serve", str(counters), "--port", str(port)]
    more = {"GITWARD_USER_REQUESTS_PER_MINUTE": "1000000"}
    with controller(home, environment_more=more) as served, background(command, port):
        ours = request("GET", "/api/v1/compliance/stats", token=served.viewer())
        theirs = request("GET", "/counters/total.json?_shape=array")

        def job(at: int, data: bytes, count: int) -> Callable[[], float]:
            def run() -> float:
                tally = hammer(at, [data] * count, 16)
                if tally.statuses != {200: count}:
                    raise RuntimeError(f"{tally.statuses}")
                return tally.seconds / count

            return run

        slow, fast = interleave(3, job(port, theirs, 200), job(served.port, ours, 2_000))
    return faster("`GET /stats` over HTTP", "Datasette on a table of counters", slow, fast, 10)
