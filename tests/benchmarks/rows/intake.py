"""Reports over HTTP to disk: with two results changed, and with none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.client import hammer, request
from tests.benchmarks.measure import Outcome, faster, interleave
from tests.benchmarks.reports import Speaker
from tests.benchmarks.server import Served, controller, reference, scratch

NAMES = ("intake",)
CHECKS = 200
MACHINES = 400
ROUNDS = 5
PATH = "/api/v1/compliance/results"


class Fleet:
    """Machines that speak to one server."""

    def __init__(
        self, port: int, addresses: Sequence[tuple[str, str]], digests: Sequence[str]
    ) -> None:
        self._port = port
        self._addresses = addresses
        self._speakers = [Speaker(n, digests) for n in range(len(addresses))]
        self._next = 0

    def job(self, posts: int, changed: int, connections: int = 64) -> Callable[[], float]:
        """Send so many reports over 64 connections; seconds for each."""

        def run() -> float:
            requests = []
            for _ in range(posts):
                # In turn: no machine sends its next report before the last one is answered.
                n = self._next = (self._next + 1) % len(self._speakers)
                self._speakers[n].change(changed)
                path, token = self._addresses[n]
                requests.append(request("POST", path, self._speakers[n].body(), token))
            tally = hammer(self._port, requests, connections)
            if tally.statuses != {200: posts} or tally.errors:
                raise RuntimeError(f"{tally.statuses}, {tally.errors} errors")
            return tally.seconds / posts

        return run


def ours(served: Served, machines: int = MACHINES) -> Fleet:
    tokens = [token for _, token in served.enroll(machines)]
    fleet = Fleet(served.port, [(PATH, token) for token in tokens], served.digests(CHECKS))
    fleet.job(machines, 0, connections=16)()  # now every token has been seen
    fleet.job(machines * 2, 0)()
    return fleet


def theirs(port: int, digests: Sequence[str], machines: int = 64) -> Fleet:
    fleet = Fleet(port, [(f"/results/machine-{n}", "") for n in range(machines)], digests)
    fleet.job(machines, 0)()
    return fleet


def measure(folder: Path) -> list[Outcome]:
    outcomes = []
    with controller(folder) as served, reference("naive_intake", folder / "naive.db") as port:
        fleet = ours(served)
        naive = theirs(port, served.digests(CHECKS))
        for changed, at_least, posts in ((2, 30, 2000), (0, 70, 4000)):
            slow, fast = interleave(ROUNDS, naive.job(60, changed), fleet.job(posts, changed))
            what = f"{changed} changed" if changed else "nothing changed"
            outcomes.append(
                faster(
                    f"report of {CHECKS} results over HTTP to disk, {what}",
                    "naive FastAPI + pydantic + sqlite-utils",
                    slow,
                    fast,
                    at_least,
                )
            )
    return outcomes


def rows() -> list[Outcome]:
    with scratch() as folder:
        return measure(folder)
