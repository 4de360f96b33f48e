"""Walks over a whole fleet cost each machine once, however large the fleet is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.store.driver import Record
from controller.store.sqlite.driver import SqliteSession
from controller.store.store import SqlStore
from tests.builders import NOW, add_key, enroll

WALKS: dict[str, Callable[[Any], object]] = {
    "judging again": lambda tx: tx.subjects(after=1, limit=2),
    "reading every machine": lambda tx: tx.every_machine(after=1, limit=2),
    "verifying": lambda tx: list(tx.verify_scores()),
}


@pytest.mark.parametrize("walk", WALKS)
def test_a_portion_of_the_fleet_is_found_by_number_and_never_sorted(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, walk: str
) -> None:
    with store.write() as tx:
        add_key(tx)
        for n in range(5):
            enroll(tx, f"token-{n}")
    while _more(store):
        pass
    plans: list[str] = []
    real = SqliteSession.all

    def watched(self: SqliteSession, sql: str, parameters: Any = ()) -> list[Record]:
        if "number > ?" in sql:
            plans.extend(row[3] for row in real(self, f"EXPLAIN QUERY PLAN {sql}", parameters))
        return real(self, sql, parameters)

    monkeypatch.setattr(SqliteSession, "all", watched)
    with store.write() as tx:
        WALKS[walk](tx)

    assert plans
    assert [step for step in plans if "TEMP B-TREE" in step or "SCAN" in step] == []


def _more(store: SqlStore) -> bool:
    with store.write() as tx:
        return tx.continue_rescoring(NOW)
