"""Whoever took the store last is the only one that writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.errors import LeaseLostError
from controller.store.store import SqlStore, open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[SqlStore, SqlStore]]:
    first, second = open_store(tmp_path), open_store(tmp_path)
    yield first, second
    first.close()
    second.close()


def write(store: SqlStore, actor: str) -> None:
    with store.write() as writing:
        writing.add_audit(actor, "look", "source/default", NOW)


def actors(store: SqlStore) -> list[str]:
    with store.read() as reading:
        return [row.actor for row in reversed(reading.audit(1, 100).items)]


def test_whoever_lost_the_store_writes_nothing_and_says_who_took_it(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    first, second = pair
    first.take_over("process 1 on a", NOW)
    write(first, "before")
    second.take_over("process 2 on b", NOW)
    for _ in range(2):
        with pytest.raises(LeaseLostError, match="process 2 on b, since 2026-11-23"):
            write(first, "stale")
    write(second, "after")
    assert actors(second) == ["before", "after"]
    assert first.lost is not None
    assert second.lost is None


def test_whoever_lost_the_store_learns_it_without_writing(pair: tuple[SqlStore, SqlStore]) -> None:
    first, second = pair
    first.take_over("process 1 on a", NOW)
    first.check_lease()
    second.take_over("process 2 on b", NOW)
    with pytest.raises(LeaseLostError):
        first.check_lease()
    second.check_lease()


def test_two_that_count_from_the_same_backup_are_told_apart(
    pair: tuple[SqlStore, SqlStore],
) -> None:
    first, second = pair
    second.take_over("somebody", NOW)
    with second.write() as writing:
        restored = writing.meta("lease")
    first.take_over("process 1 on a", NOW)
    with first.write() as writing:
        mine = writing.meta("lease")
        writing.set_meta("lease", restored | {"number": mine["number"], "holder": mine["holder"]})
    with pytest.raises(LeaseLostError):
        write(first, "stale")


def test_a_command_beside_a_controller_takes_no_lease(pair: tuple[SqlStore, SqlStore]) -> None:
    controller, command = pair
    controller.take_over("process 1 on a", NOW)
    write(command, "command")
    write(controller, "controller")
    assert actors(controller) == ["command", "controller"]
