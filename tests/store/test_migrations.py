"""What an earlier release wrote is there after its schema was brought up to date."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from controller.store import schema
from controller.store.columns import Times, instant, pack_times
from controller.store.port.fleet import Cause
from controller.store.sqlite import driver
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_report, submit

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes an empty database as it was before a migration."""

    def make(name: str) -> Path:
        names = [each for each, _ in schema.MIGRATIONS]
        with monkeypatch.context() as patch:
            patch.setattr(driver, "MIGRATIONS", schema.MIGRATIONS[: names.index(name)])
            open_store(tmp_path).close()
        return tmp_path

    return make


def put(folder: Path, sql: str, *rows: tuple[object, ...]) -> None:
    made = sqlite3.connect(folder / "gitward.db")
    made.executemany(sql, rows)
    made.commit()
    made.close()


def with_a_machine(folder: Path) -> tuple[SqlStore, str]:
    store = open_store(folder)
    with store.write() as tx:
        tx.seed_checks([make_check("c0"), make_check("c1")], actor="t", as_of=NOW)
        tx.put_object("policy", make_policy("p"), actor="t", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "token")
    return store, machine.uuid


def test_histories_are_carried_into_one_row_a_change(before: Callable[[str], Path]) -> None:
    folder, now = before("0005_one_row_a_report"), instant(LATER)
    put(
        folder,
        "INSERT INTO transition (machine, at, position, before, after) VALUES (1, ?, ?, ?, ?)",
        (now, 1, "passed", "failed"),
        (now, 0, "failed", "passed"),
        (now + 1, 0, "passed", "error"),
    )
    put(
        folder,
        "INSERT INTO score_change (machine, at, policy, hundredths, risk, compliant, cause_kind,"
        " cause_ref, cause_detail) VALUES (1, ?, ?, ?, ?, ?, ?, ?, '')",
        (now, 0, 9_000, 2, 1, "report", "r1"),
        (now, 7, None, 4, None, "report", "r1"),
        (now + 1, 0, 1_000, 0, 0, "commit", "sha"),
    )

    store, uuid = with_a_machine(folder)

    with store.read() as reading:
        turned = reading.outcome_history(uuid, LATER)
        moved = reading.score_history(uuid, LATER, None)
        assert reading.overall_before(1, LATER) == 9_000
    store.close()
    assert [(each.check_id, each.before, each.after) for each in turned] == [
        ("c0", "failed", "passed"),
        ("c1", "passed", "failed"),
        ("c0", "passed", "error"),
    ]
    assert [(each.hundredths, each.risk, each.compliant, each.cause) for each in moved] == [
        (9_000, "medium", True, Cause("report", "r1")),
        (1_000, "critical", False, Cause("commit", "sha")),
    ]


def test_evidence_beside_the_whole_is_carried_into_lines(before: Callable[[str], Path]) -> None:
    folder = before("0005_one_row_a_report")
    whole = b'{"c0":[null,"at first",null],"c1":[null,"at first",null]}\n'
    lines = b'{"c0":[1,"",null]}\n{"c0":[null,"changed",null]}\n'
    put(
        folder,
        "INSERT INTO evidence (machine, digest, stored_at, body) VALUES (1, x'', ?, ?)",
        (instant(NOW), whole),
    )
    put(folder, "INSERT INTO evidence_since (machine, body) VALUES (1, ?)", (lines,))
    put(
        folder,
        "INSERT INTO posture (machine, passed, failed, errored, not_applicable, times)"
        " VALUES (?, x'', x'', x'', x'', ?)",
        (1, b""),
        (2, b""),
    )

    store, uuid = with_a_machine(folder)

    with store.read() as reading:
        found = reading.evidence(uuid)
        added = reading.db.all("SELECT machine, added FROM posture ORDER BY machine")
    store.close()
    assert {id_: each.details for id_, each in found.items()} == {"c0": "changed", "c1": "at first"}
    assert added == [(1, len(lines)), (2, 0)]


def test_times_are_carried_and_go_on(before: Callable[[str], Path]) -> None:
    folder, seconds = before("0005_one_row_a_report"), int(NOW.timestamp())
    noted = struct.pack("<BBIIII", 0, 2, 0, seconds + 60, 1 | 1 << 31, seconds + 120)
    packed = pack_times({0: Times(seconds, seconds), 2: Times(seconds + 1, 0)})
    put(
        folder,
        "INSERT INTO posture (machine, passed, failed, errored, not_applicable, times)"
        " VALUES (1, x'', x'', x'', x'', ?)",
        (noted + packed,),
    )
    put(
        folder,
        "INSERT INTO transition (machine, at, position, before, after) VALUES (1, ?, ?, ?, ?)",
        (instant(NOW), 0, "passed", "failed"),
    )

    store, uuid = with_a_machine(folder)

    carried = {
        0: Times(seconds + 60, seconds),
        1: Times(seconds + 120, seconds + 120),
        2: Times(seconds + 1, 0),
    }
    with store.write() as tx:
        assert tx.times_of(1) == carried
        machine = tx.machine(uuid)
        assert machine is not None
        submit(tx, machine, "token", make_report({"c1": "passed"}, at=LATER), LATER)
    with store.read() as reading:
        turned = {1: Times(int(LATER.timestamp()), seconds + 120)}
        assert reading.times_of(1) == carried | turned
    store.close()
