"""Scores of a whole fleet anew: computing only, one exception only, and with everything stored."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from controller.model.posture import Posture
from controller.model.terms import Platform
from controller.scoring.many import score_many
from controller.scoring.rulebook import Moment, kinds
from controller.store.store import SqlStore
from tests.benchmarks.fleet import NOW, rescore, stored
from tests.benchmarks.measure import Outcome, faster, interleave
from tests.benchmarks.reference import naive_scoring as naive
from tests.benchmarks.repository import check_id
from tests.benchmarks.server import scratch

MACHINES = 100_000
FEW = 2_000
"""Computing alone, the reference is linear in machines; it gets fewer and its time is taken for each."""
CHECKS = 200
BATCH = 10_000
"""Machines that ours scores at a time, and that the reference holds at a time."""
STATUSES = ("passed", "failed", "error", "not_applicable", "pending")


@dataclass(slots=True)
class Mine:
    """A machine as both sides score it."""

    uuid: str
    os: Platform
    tags: tuple[str, ...]
    posture: Posture


def machines(store: SqlStore) -> list[Mine]:
    with store.read() as reading:
        return [
            Mine(machine.uuid, machine.os, machine.tags, posture)
            for machine, posture in reading.every_machine(limit=MACHINES)
        ]


class Reference:
    """The naive fleet: the same machines, policies and exceptions."""

    def __init__(self, store: SqlStore, fleet: list[Mine]) -> None:
        with store.read() as reading:
            book, moment = reading.in_force().rulebook, reading.moment(NOW)
        checks = {
            id_: naive.Check(id_, managed.document.severity) for id_, managed in book.checks.items()
        }
        self.policies = [
            naive.Policy(
                id_,
                managed.document.passing_score_threshold,
                set(book.selected[id_]),
                dict(managed.document.severity_overrides),
            )
            for id_, managed in book.policies.items()
        ]
        self.overall = naive.Policy("overall", 0, set(checks))
        self.exemptions = [
            naive.Exemption(set(book.waivers[id_].document.checks)) for id_ in moment.active
        ]
        self._fleet = fleet
        self._places = [book.positions[check_id(n)] for n in range(CHECKS)]
        # A result says nothing of its machine: those that say the same are one object.
        self._results = [
            {status: naive.Result(checks[check_id(n)], status) for status in STATUSES}
            for n in range(CHECKS)
        ]
        self.machines = self._made(fleet[:FEW])

    def _made(self, fleet: list[Mine], first: int = 0) -> list[naive.Machine]:
        """Machines as the reference has them, numbered on from the first."""
        passed = [each["passed"] for each in self._results]
        made = []
        for number, mine in enumerate(fleet, first):
            results, well = passed.copy(), mine.posture.passed
            for n, place in enumerate(self._places):
                if not well >> place & 1:
                    results[n] = self._results[n][mine.posture.outcome(place)]
            made.append(naive.Machine(number, mine.tags, results))
        return made

    def compute(self) -> float:
        started = time.perf_counter()
        for machine in self.machines:
            naive.score_machine(machine, self.policies, self.overall, self.exemptions)
        return (time.perf_counter() - started) / len(self.machines)

    def storing(self, path: Path) -> Callable[[], float]:
        database = naive.open_database(str(path))
        rounds = iter(range(1_000))

        def run() -> float:
            at, spent = f"round {next(rounds)}", 0.0
            for number, batch in enumerate(batches(self._fleet)):
                fleet = self._made(batch, number * BATCH)  # a batch at a time, for memory's sake
                started = time.perf_counter()
                for machine in fleet:
                    scores = naive.score_machine(
                        machine, self.policies, self.overall, self.exemptions
                    )
                    naive.store_scores(database, machine, scores, at)
                spent += time.perf_counter() - started
            started = time.perf_counter()
            database.commit()
            return (spent + time.perf_counter() - started) / len(self._fleet)

        return run


def batches(fleet: list[Mine]) -> Iterator[list[Mine]]:
    for first in range(0, len(fleet), BATCH):
        yield fleet[first : first + BATCH]


def compute(moment: Moment, fleet: list[Mine]) -> Callable[[], float]:
    """Every machine's scores, under every policy and over all, with exceptions and without."""

    def run() -> float:
        started = time.perf_counter()
        for batch in batches(fleet):
            for (profile,), some in kinds(batch, moment):
                score_many(profile, [mine.posture for mine in some])
        return (time.perf_counter() - started) / len(fleet)

    return run


def flip(before: Moment, after: Moment, fleet: list[Mine]) -> Callable[[], float]:
    """The same after one exception, for machines whose scores before are known."""
    known = [
        score_many(old, [mine.posture for mine in alike])
        for batch in batches(fleet)
        for (old, _), alike in kinds(batch, before, after)
    ]

    def run() -> float:
        started = time.perf_counter()
        was = iter(known)
        for batch in batches(fleet):
            for (old, new), alike in kinds(batch, before, after):
                score_many(new, [mine.posture for mine in alike], (old, next(was)))
        return (time.perf_counter() - started) / len(fleet)

    return run


def storing(store: SqlStore) -> Callable[[], float]:
    """A commit that moves nearly every machine's score, through the program's own chunks."""
    rounds = iter(range(1_000))

    def run() -> float:
        number = next(rounds)
        with store.write() as tx:
            policy = tx.in_force().policies["policy-00000"].document
            # Other checks become critical each time: their weight enters the score of every machine.
            chosen = [check_id((number * 5 + n) % CHECKS) for n in range(5)]
            changed = policy.model_copy(
                update={"severity_overrides": dict.fromkeys(chosen, "critical")}
            )
        started = time.perf_counter()
        with store.write() as tx:
            tx.put_object(
                "policy",
                changed,
                actor="bench",
                as_of=NOW + timedelta(minutes=number),
                create=False,
            )
        rescore(store)
        return (time.perf_counter() - started) / MACHINES

    return run


def rows() -> list[Outcome]:
    with scratch() as folder:
        store = stored(folder / "data", MACHINES)
        fleet = machines(store)
        reference = Reference(store, fleet)
        with store.read() as reading:
            moment = reading.moment(NOW)
        gc.freeze()
        fewer = moment.rulebook.moment(moment.active - {sorted(moment.active)[0]})
        outcomes = []
        what = f"loop over objects in memory ({FEW:,} machines, for each)"
        slow, fast = interleave(5, reference.compute, compute(moment, fleet))
        name = (
            f"re-score {MACHINES:,} machines x {CHECKS} checks, 3 policies and overall, "
            "with and without exceptions, computing only"
        )
        outcomes.append(faster(name, what, slow, fast, 40))
        slow, fast = interleave(5, reference.compute, flip(fewer, moment, fleet))
        name = f"one exception for everybody starts, {MACHINES:,} machines, computing only"
        outcomes.append(faster(name, what, slow, fast, 100))
        slow, fast = interleave(5, reference.storing(folder / "naive.db"), storing(store))
        name = f"re-score {MACHINES:,} machines with everything stored: scores, totals, history"
        what = (
            f"the same loop over {MACHINES:,} machines, rows updated one by one in one transaction"
        )
        outcomes.append(faster(name, what, slow, fast, 10))
        store.close()
        return outcomes
