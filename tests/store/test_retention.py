from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from controller.schedule.loop import Timekeeper
from controller.store import retention
from controller.store.columns import instant
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_report, submit
from tests.cli.runner import run
from tests.store.recount import assert_counters_equal_a_recount

KEEP = timedelta(days=30)
LATER = NOW + timedelta(days=40)


def prepare(store: SqlStore, machines: int) -> list[str]:
    with store.write() as tx:
        tx.seed_checks([make_check("c0"), make_check("c1")], actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(), actor="t", as_of=NOW, create=True)
        add_key(tx)
        enrolled = [enroll(tx, f"token-{n}") for n in range(machines)]
        for n, machine in enumerate(enrolled):
            submit(tx, machine, f"token-{n}", make_report({"c0": "passed", "c1": "failed"}), NOW)
    with store.write() as tx:
        at = LATER - timedelta(days=1)
        submit(tx, enrolled[0], "token-0", make_report({"c1": "passed"}, at=at), at)
    return [machine.uuid for machine in enrolled]


def compact(store: SqlStore) -> int:
    steps = 0
    more = True
    while more:
        with store.write() as tx:
            more = tx.compact(LATER, KEEP)
        steps += 1
    return steps


def test_history_beyond_what_is_kept_goes_and_the_present_stays(store: SqlStore) -> None:
    first, *others = prepare(store, 3)
    with store.read() as reading:
        before = reading.fleet_totals(LATER), reading.machine_state(first, LATER)

    compact(store)

    with store.read() as reading:
        assert [each.check_id for each in reading.outcome_history(first, NOW)] == ["c1"]
        assert [len(reading.outcome_history(each, NOW)) for each in others] == [0, 0]
        assert len(reading.score_history(first, NOW, None)) == 1
        assert (reading.fleet_totals(LATER), reading.machine_state(first, LATER)) == before
        assert_counters_equal_a_recount(reading, LATER)


def test_a_fleet_is_compacted_in_portions_and_once_a_day(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 2)
    prepare(store, 5)

    assert compact(store) == 4
    assert compact(store) == 1


def test_room_that_history_took_goes_back_to_the_file_system_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGES", 8)
    store = open_store(tmp_path)
    prepare(store, 2)
    with_history(store, 20_000)
    store.close()
    full = (tmp_path / "gitward.db").stat().st_size

    store = open_store(tmp_path)
    steps = compact(store)
    store.close()

    left = (tmp_path / "gitward.db").stat().st_size
    assert steps > (full - left) / 8 / 4096 > 3
    assert left < full / 2


def test_a_database_of_before_shrinks_through_a_backup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old"
    open_store(old).close()
    made = sqlite3.connect(old / "gitward.db", isolation_level=None)
    made.execute("PRAGMA journal_mode = DELETE")
    made.execute("PRAGMA auto_vacuum = NONE")
    made.execute("VACUUM")
    made.close()
    store = open_store(old)
    prepare(store, 2)
    with_history(store, 20_000)
    assert compact(store) < 5  # nothing can be given back here, and nothing is tried for ever
    store.close()

    run(capsys, "backup", tmp_path / "saved.db", "--data", old)
    run(capsys, "restore", tmp_path / "saved.db", "--data", tmp_path / "new")

    new = tmp_path / "new" / "gitward.db"
    assert new.stat().st_size < (old / "gitward.db").stat().st_size / 2
    opened = sqlite3.connect(new)
    assert opened.execute("PRAGMA auto_vacuum").fetchone() == (2,)  # incremental
    opened.close()


def with_history(store: SqlStore, turns: int) -> None:
    """Many outcome changes of long ago."""
    with store.write() as tx:
        tx.db.many(
            "INSERT INTO machine_change (machine, at, cause_kind, cause_ref, cause_detail, outcomes,"
            """ scores) VALUES (1, ?, 'report', '', '', '[[0,"passed","failed"]]', '[]')""",
            [(instant(NOW) + n,) for n in range(turns)],
        )


def test_the_timekeeper_compacts(store: SqlStore) -> None:
    first, *_ = prepare(store, 1)
    keeper = Timekeeper(store, lambda: LATER, keep=KEEP)

    keeper.step()
    keeper.step()

    with store.read() as reading:
        assert len(reading.outcome_history(first, NOW)) == 1
