"""A step of a fleet-wide change goes on while nobody else wants to write, and ends when somebody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from controller.store import fleet_change
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, make_waiver
from tests.dashboard.sizes import store_of

MACHINES, PORTION = 30, 5
PATIENCE = 20.0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlStore]:
    """A fleet-wide change has begun, and a step is over after one portion unless nobody waits."""
    store_of(tmp_path, MACHINES).close()
    made = open_store(tmp_path)
    monkeypatch.setattr(fleet_change, "PORTION", PORTION)
    monkeypatch.setattr(fleet_change, "_MOST", PORTION)
    monkeypatch.setattr(fleet_change, "_LEAST", 1)
    monkeypatch.setattr(fleet_change, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(fleet_change, "LONGEST_SECONDS", 2 * PATIENCE)
    monkeypatch.setattr(fleet_change, "_SPELL", PATIENCE)
    with made.write() as tx:
        tx.in_place = 5
        tx.put_object("exception", make_waiver("wide"), actor="ann", as_of=NOW, create=True)
    yield made
    made.close()


def test_a_step_takes_the_whole_fleet_while_nobody_waits(store: SqlStore) -> None:
    with store.write() as tx:
        assert not tx.db.wanted()
        tx.continue_rescoring(NOW)
        assert tx.judged().cursor == MACHINES


@pytest.mark.parametrize("to_write", [True, False], ids=["to write", "to lend the store"])
def test_a_step_ends_with_its_portion_when_somebody_waits(
    store: SqlStore, *, to_write: bool
) -> None:
    def wait() -> None:
        with store.write() if to_write else store.lend():
            pass

    thread = threading.Thread(target=wait)
    ends = time.monotonic() + PATIENCE
    with store.write() as tx:
        thread.start()
        while not tx.db.wanted() and time.monotonic() < ends:
            thread.join(0.001)
        tx.continue_rescoring(NOW)
        assert tx.judged().cursor == PORTION
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_store_is_lent_at_once_only_while_nobody_else_has_it(store: SqlStore) -> None:
    with store.write():
        assert store.lend_now() is None
    give_back = store.lend_now()
    assert give_back is not None
    assert store.lend_now() is None
    give_back()
    with store.write() as tx:
        tx.continue_rescoring(NOW)


@pytest.mark.parametrize("first", ["writes", "has lent the store"])
def test_who_has_the_turn_is_told_rather_than_kept_waiting_for_itself(
    store: SqlStore, first: str
) -> None:
    give_back = store.lend_now() if first == "has lent the store" else None

    outer = nullcontext() if give_back else store.write()
    with outer, pytest.raises(RuntimeError, match="itself"), store.write():
        pass
    if give_back:
        give_back()

    with store.write() as tx:
        assert tx.judged().cursor is not None
