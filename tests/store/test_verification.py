"""Tampering is found and named: with the trail, with facts, with scores and counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.store.audit import FIRST, chained
from controller.store.port.store import Store
from controller.store.store import open_store
from tests.builders import add_key, enroll, make_report, submit
from tests.reconcile.repository import base, policy
from tests.reconcile.rig import Rig

AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path)) as store:
        with store.write() as writing:
            for number in range(1, 11):
                at = AT + timedelta(seconds=number)
                writing.add_audit("ada", "change", f"policy/p{number}", at, detail={"n": number})
        yield store


@contextmanager
def tampering(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "gitward.db")) as connection:
        yield connection
        connection.commit()


def told(store: Store) -> list[tuple[str, str]]:
    with store.read() as reading:
        return [(each.about, each.message) for each in reading.verify_trail()]


def test_an_untouched_trail_is_sound(store: Store) -> None:
    assert told(store) == []


@pytest.mark.parametrize("number", [1, 5, 10])
@pytest.mark.parametrize("column", ["actor", "action", "object", "revision", "detail"])
def test_an_edited_row_is_named_alone(
    store: Store, tmp_path: Path, number: int, column: str
) -> None:
    with tampering(tmp_path) as connection:
        connection.execute(f"UPDATE audit SET {column} = 'mallory' WHERE number = ?", (number,))
    assert [about for about, _ in told(store)] == [f"audit row {number}"]
    assert "edited" in told(store)[0][1]


def test_an_edited_time_is_found(store: Store, tmp_path: Path) -> None:
    with tampering(tmp_path) as connection:
        connection.execute("UPDATE audit SET at = at + 1 WHERE number = 4")
    assert [about for about, _ in told(store)] == ["audit row 4"]


@pytest.mark.parametrize(
    ("numbers", "named"),
    [((1,), "1"), ((4,), "4"), ((4, 5, 6), "4 to 6"), ((10,), "10"), ((8, 9, 10), "8 to 10")],
)
def test_removed_rows_are_named(
    store: Store, tmp_path: Path, numbers: tuple[int, ...], named: str
) -> None:
    with tampering(tmp_path) as connection:
        connection.executemany("DELETE FROM audit WHERE number = ?", [(n,) for n in numbers])
    assert [about for about, _ in told(store)] == [f"audit row {named}"]
    assert "removed" in told(store)[0][1]


def test_an_emptied_trail_is_found(store: Store, tmp_path: Path) -> None:
    with tampering(tmp_path) as connection:
        connection.execute("DELETE FROM audit")
    assert [about for about, _ in told(store)] == ["audit row 1 to 10"]


def test_reordered_rows_are_named_with_where_they_stood(store: Store, tmp_path: Path) -> None:
    with tampering(tmp_path) as connection:
        for old, new in ((3, 99), (7, 3), (99, 7)):
            connection.execute("UPDATE audit SET number = ? WHERE number = ?", (new, old))
    found = told(store)
    assert {"audit row 3", "audit row 7"} <= {about for about, _ in found}
    assert all("moved" in message for _, message in found)


def test_a_row_forged_with_its_hash_breaks_the_next_or_the_kept_end(
    store: Store, tmp_path: Path
) -> None:
    with tampering(tmp_path) as connection:
        for number in (5, 10):
            previous = connection.execute(
                "SELECT hash FROM audit WHERE number = ?", (number - 1,)
            ).fetchone()
            at, action, about, revision, detail = connection.execute(
                "SELECT at, action, object, revision, detail FROM audit WHERE number = ?", (number,)
            ).fetchone()
            columns = (at, "mallory", action, about, revision, detail)
            connection.execute(
                "UPDATE audit SET actor = 'mallory', hash = ? WHERE number = ?",
                (chained(previous[0] if previous else FIRST, columns), number),
            )
    assert [about for about, _ in told(store)] == ["audit row 6", "audit row 10"]


def test_a_row_that_was_never_written_is_found(store: Store, tmp_path: Path) -> None:
    with tampering(tmp_path) as connection:
        last = connection.execute("SELECT hash FROM audit WHERE number = 10").fetchone()[0]
        columns = (0, "mallory", "confirm", "source/default", "", "{}")
        connection.execute(
            "INSERT INTO audit (at, actor, action, object, revision, detail, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*columns, chained(last, columns)),
        )
    assert [about for about, _ in told(store)] == ["audit row 11"]


def test_what_git_manages_and_scores_are_compared_with_git_and_facts(rig: Rig) -> None:
    from controller.bootstrap import examine

    rig.commit(base())
    rig.reconcile()
    found = examine(rig.folder / "data", rig.clock())
    assert (found.findings, found.notes) == ((), ())
    assert found.objects == 5

    with tampering(rig.folder / "data") as connection:
        connection.execute(
            "UPDATE object SET document = replace(document, 'Laptops', 'Weak') WHERE id = 'laptops'"
        )
        connection.execute("DELETE FROM object WHERE id = 'two'")
        connection.execute("UPDATE total SET agents = 7 WHERE policy = 0")
        connection.execute(
            "INSERT INTO total SELECT 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"
            " WHERE NOT EXISTS (SELECT 1 FROM total WHERE policy = 0)"
        )
    found = examine(rig.folder / "data", rig.clock())
    assert [(each.area, each.about) for each in found.findings] == [
        ("totals", "the fleet"),
        ("inventory", "policy/laptops"),
        ("inventory", "check/two"),
    ]


FLIPS = {
    "a failure becomes a pass": ("UPDATE posture SET passed = failed, failed = passed", "scores"),
    "a failure is forgotten": ("UPDATE posture SET failed = x''", "scores"),
    "a check passed and failed": ("UPDATE posture SET passed = failed", "facts"),
    "a score": ("UPDATE score SET hundredths = hundredths + 1 WHERE policy = 0", "scores"),
    "a risk": ("UPDATE score SET risk = 3 - risk WHERE policy <> 0", "scores"),
    "a verdict": ("UPDATE score SET compliant = 1 - compliant", "scores"),
    "a score without exceptions": ("UPDATE score SET bare_hundredths = 1", "scores"),
    "a score that is gone": ("DELETE FROM score WHERE policy = 0", "scores"),
    "the fleet's risk": ("UPDATE total SET low = low + 1, high = high - 1", "totals"),
    "the fleet without exceptions": ("UPDATE total SET bare_score_sum = 0", "totals"),
    "a check's counter": ("UPDATE check_total SET failed = failed + 1", "totals"),
}


@pytest.mark.parametrize("flip", FLIPS)
def test_a_flipped_fact_score_or_counter_is_found(rig: Rig, flip: str) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.write() as writing:
        add_key(writing)
        for token, outcome in (("a", "failed"), ("b", "passed")):
            now = rig.clock()
            machine = enroll(writing, token, at=now)
            outcomes = {"one": "failed", "two": outcome, "three": "passed"}
            submit(writing, machine, token, make_report(outcomes, at=now), now)
    with rig.store.read() as reading:
        assert list(reading.verify_scores()) == []
    statement, area = FLIPS[flip]
    with rig.store.write() as writing:
        writing.db.run(statement)
    with rig.store.read() as reading:
        found = list(reading.verify_scores())
    assert area in {each.area for each in found}, found


def test_a_kept_head_shows_that_the_trail_was_rewritten(rig: Rig) -> None:
    from controller.bootstrap import examine

    rig.commit(base())
    rig.reconcile()
    head = examine(rig.folder / "data", rig.clock()).audit_head
    assert head is not None
    rig.commit({"policies/laptops.yaml": policy("Other")})
    rig.reconcile()
    assert examine(rig.folder / "data", rig.clock(), head).sound
    with tampering(rig.folder / "data") as connection:
        connection.execute("DELETE FROM audit")
        connection.execute("DELETE FROM meta WHERE name = 'audit_head'")
    assert [each.about for each in examine(rig.folder / "data", rig.clock(), head).findings] == [
        f"audit row {head.number}"
    ]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()
