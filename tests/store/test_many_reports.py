"""Tens of thousands of random reports in batches, among them everything else that moves scores."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.store.port.reports import Submission
from controller.store.rescoring import Rescoring
from controller.store.store import open_store
from tests.builders import make_report, sha
from tests.store.recount import assert_counters_equal_a_recount
from tests.store.world import CHECKS, OUTCOMES, World

REPORTS = 20_000
BATCH = 100


def batch(world: World, tx: Any) -> None:
    """One transaction's reports; a machine may report several times in it, also late."""
    submissions = []
    for _ in range(BATCH):
        machine = world.one(tx)
        if machine is None:
            continue
        some = world.random.sample(CHECKS, world.random.randint(0, len(CHECKS)))
        at = world.now - timedelta(seconds=world.random.randint(-5, 5))
        report = make_report({c: world.random.choice(OUTCOMES) for c in some}, at=at)
        token = sha(world.tokens[machine.uuid])
        submissions.append(Submission(machine.uuid, token, report, world.now))
    tx.record_reports(submissions)


@pytest.mark.parametrize("in_place", [1_000, 5], ids=["in one transaction", "in chunks"])
def test_counters_equal_a_recount_after_many_reports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, in_place: int
) -> None:
    monkeypatch.setattr(Rescoring, "in_place", in_place)
    monkeypatch.setattr(Rescoring, "chunk", 20)
    store = open_store(tmp_path)
    world = World(store, seed=in_place)
    for _ in range(40):
        with store.write() as tx:
            world.enroll(tx)
    for number in range(REPORTS // BATCH // 2):
        with store.write() as tx:
            batch(world, tx)
        # Between batches: policies, exceptions, tags, machines that come and go, time.
        for _ in range(3):
            world.step()
        if number % 10 == 9:
            with store.write() as tx:
                tx.continue_rescoring(world.now)
    world.settle()

    with store.read() as reading:
        assert_counters_equal_a_recount(reading, world.now)
    store.close()
