"""Many rows in few statements are the rows that one statement each would have written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.store.sqlite.driver import SqliteDriver

ADD = "INSERT INTO counter (name, value) VALUES (?, ?)"
RAISE = f"{ADD} ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value"
SET = f"{ADD} ON CONFLICT (name) DO UPDATE SET value = excluded.value"
COUNTS = [*range(67), 97, 127, 128, 129, 200]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteDriver]:
    made = SqliteDriver(tmp_path_factory.mktemp("rows") / "rows.db")
    yield made
    made.close()


@pytest.mark.parametrize("count", COUNTS)
def test_every_row_is_written_once_whatever_their_number(driver: SqliteDriver, count: int) -> None:
    rows = [(f"name {number:03}", number) for number in range(count)]
    with driver.writing() as session:
        session.run("DELETE FROM counter")
        session.many(ADD, iter(rows))
        assert session.all("SELECT name, value FROM counter ORDER BY name") == rows
        session.many(RAISE, rows)
        session.many(SET, [(name, -value) for name, value in rows[::2]], repeatable=True)
        expected = [
            (name, 2 * value if place % 2 else -value) for place, (name, value) in enumerate(rows)
        ]
        assert session.all("SELECT name, value FROM counter ORDER BY name") == expected
        session.many("DELETE FROM counter WHERE name = ?", [(name,) for name, _ in rows])
        assert session.all("SELECT name FROM counter") == []


def test_values_come_back_as_they_were_handed_over(driver: SqliteDriver) -> None:
    values = (7, "text", b"\x00bytes", b"", None, 1.5)
    with driver.writing() as session:
        marks = ", ".join("?" * len(values))
        assert session.one(f"SELECT {marks}", values) == values
        assert session.one("SELECT ?, ?", (True, False)) == (1, 0)
