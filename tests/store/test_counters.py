"""Counters are moved by changes; here they are held against a recount after anything at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.scoring import many
from controller.store import fleet_change
from controller.store.rescoring import Rescoring
from controller.store.store import open_store
from tests.builders import make_policy
from tests.store.recount import assert_counters_equal_a_recount
from tests.store.world import World


@pytest.mark.parametrize("few", [1, 1_000], ids=["all kinds in lanes", "each machine by itself"])
@pytest.mark.parametrize(
    ("in_place", "chunk"),
    [(1_000, 500), (0, 2), (0, 500), (2, 3)],
    ids=["in one transaction", "in chunks", "in a chunk", "in either"],
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_counters_equal_a_recount_after_anything(
    monkeypatch: pytest.MonkeyPatch, in_place: int, chunk: int, few: int, seed: int
) -> None:
    monkeypatch.setattr(Rescoring, "in_place", in_place)
    monkeypatch.setattr(Rescoring, "chunk", chunk)
    for module in (many, fleet_change):
        monkeypatch.setattr(module, "FEW", few)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        world = World(store, seed)
        for number in range(120):
            world.step()
            if number % 7 == 0:
                with store.write() as tx:
                    tx.continue_rescoring(world.now)
            if number % 40 == 39:
                world.settle()
                with store.read() as reading:
                    assert_counters_equal_a_recount(reading, world.now)
        store.close()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_readers_see_whole_counters_of_one_configuration_during_a_fleet_wide_change(
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        world = World(store, seed)
        for _ in range(60):
            world.step()
        world.settle()
        with store.read() as reading:
            before = reading.fleet_totals(world.now)
        patch = pytest.MonkeyPatch()
        patch.setattr(Rescoring, "in_place", 0)
        patch.setattr(Rescoring, "chunk", 1)
        with store.write() as tx:
            policy = make_policy("new", passing_score_threshold=1)
            tx.put_object("policy", policy, actor="t", as_of=world.now, create=True)
        more = True
        while more:
            with store.read() as reading:
                seen = reading.fleet_totals(world.now)
            assert (seen.overall, seen.checks) == (before.overall, before.checks)
            with store.write() as tx:
                more = tx.continue_rescoring(world.now)
        patch.undo()

        with store.read() as reading:
            assert_counters_equal_a_recount(reading, world.now)
        store.close()
