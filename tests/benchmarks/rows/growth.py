"""What a fleet costs that is simply there: memory by machines, and disk by days."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from controller.intake.hearing import Hearing
from controller.intake.intake import Intake
from controller.intake.recorder.direct import DirectRecorder
from controller.model.posture import definition_digest
from controller.store.port.reports import Receipt, Submission
from controller.store.store import SqlStore, open_store
from tests.benchmarks.client import all_at_once, request
from tests.benchmarks.fleet import NOW, configuration, machine_uuid, stored, token
from tests.benchmarks.measure import Outcome, figure
from tests.benchmarks.reports import Speaker
from tests.benchmarks.repository import check_id
from tests.benchmarks.rows.fleet import settle
from tests.benchmarks.server import controller, scratch

SIZES = (1_000, 10_000, 100_000)
PAGES = (
    "/api/v1/compliance/stats",
    "/api/v1/compliance/trend?days=30",
    "/api/v1/agents?per_page=100",
)
MACHINES, DAYS, CHECKS = 100, 12, 200
KEPT = 2
"""Days of history that are left by the retention that is measured."""
TURNS_A_DAY = 2
"""Outcomes that turn on each machine; everything else stays as it was."""


def rows() -> list[Outcome]:
    return [*(memory(machines) for machines in SIZES), *disk()]


def memory(machines: int) -> Outcome:
    """The whole program with a fleet in its store, after it was scored and some pages were read."""
    with scratch() as folder:
        stored(folder / "data", machines).close()
        with controller(folder) as served:
            settle(served)
            secret = served.viewer()
            all_at_once(served.port, [request("GET", path, token=secret) for path in PAGES])
            return figure(
                f"memory of the controller with {machines:,} machines stored",
                f"{served.memory() / 2**20:,.0f} MiB",
            )


def disk() -> list[Outcome]:
    """A report an hour from each machine, day after day."""
    with scratch() as folder:
        store = stored(folder / "data", MACHINES)
        fleet = Days(store)
        fleet.report(1)  # evidence and times of a first day are no growth
        first = used(store)
        fleet.report(DAYS)
        full = used(store)
        store.close()
        what = f"{CHECKS} checks, a report an hour, {TURNS_A_DAY} outcomes turning a day"
        return [
            figure(f"a machine's first day on disk: {what}", f"{first / MACHINES:,.0f} bytes"),
            figure(
                "growth of the database a machine and day, the same",
                f"{(full - first) / MACHINES / DAYS:,.0f} bytes",
            ),
            *retention(folder / "data", full - first),
        ]


def retention(data: Path, grown: int) -> list[Outcome]:
    """What is left of that growth when only the last days of history are kept, in rows and on disk."""
    file = data / "gitward.db"
    size = file.stat().st_size
    store = open_store(data)
    before, steps, more = history(store), 0, True
    while more:
        with store.write() as tx:
            more = tx.compact(NOW + timedelta(days=1 + DAYS), timedelta(days=KEPT))
        steps += 1
    after, left = history(store), used(store)
    store.close()
    return [
        figure(
            f"rows of history after {DAYS + 1} days, and with {KEPT} days kept",
            f"{before:,} and {after:,}",
        ),
        figure(
            f"the database file then ({grown / 2**20:.2f} MiB came with {DAYS} days), and after"
            " compaction",
            f"{size / 2**20:.2f} and {file.stat().st_size / 2**20:.2f} MiB,"
            f" {left / 2**20:.2f} in use; {steps} steps",
        ),
    ]


def history(store: SqlStore) -> int:
    """Rows of what happened to machines."""
    with store.read() as reading:
        row = reading.db.one("SELECT count(*) FROM machine_change")
        return int(row[0]) if row else 0


class Days:
    """Some machines that report hour by hour, in a time of their own."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        declared = configuration(CHECKS).checks
        digests = [definition_digest(declared[check_id(n)].document) for n in range(CHECKS)]
        self._speakers = [Speaker(n, digests) for n in range(MACHINES)]
        self._hours = 0
        self._fate = random.Random("days")

    def report(self, days: int) -> None:
        """Go on for so many days."""
        intake = Intake(DirectRecorder(self._store))
        asyncio.run(self._report(intake, days))
        intake.stop()

    async def _report(self, intake: Intake, days: int) -> None:
        hearing = Hearing()
        for _ in range(days):
            turns = [sorted(self._fate.sample(range(24), TURNS_A_DAY)) for _ in range(MACHINES)]
            for hour in range(24):
                self._hours += 1
                at = NOW + timedelta(hours=self._hours)
                machines = range(MACHINES)
                await asyncio.gather(
                    *[self._one(intake, hearing, n, at, hour in turns[n]) for n in machines]
                )

    async def _one(
        self, intake: Intake, hearing: Hearing, number: int, at: datetime, turn: bool
    ) -> Receipt:
        speaker = self._speakers[number]
        if turn:
            speaker.change(1)
        body = speaker.body(at)
        report, _ = hearing.read(machine_uuid(number), body)
        submission = Submission(machine_uuid(number), _hash(number), report, at)
        return await intake.submit(submission, len(body))


def _hash(number: int) -> str:
    return sha256(token(number).encode()).hexdigest()


def used(store: SqlStore) -> int:
    """Bytes of the database in use."""
    with store.write() as tx:
        (pages,) = tx.db.one("PRAGMA page_count") or (0,)
        (free,) = tx.db.one("PRAGMA freelist_count") or (0,)
    return int((pages - free) * 4096)
