"""What fleet-wide changes did to each machine is read alike however it was packed."""

from __future__ import annotations

import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from controller.store.store import SqlStore, open_store
from tests.builders import NOW, make_waiver
from tests.dashboard.sizes import store_of


def histories(store: SqlStore) -> dict[tuple[str, str | None], list[Any]]:
    with store.read() as reading:
        return {
            (machine.uuid, policy): list(reading.score_history(machine.uuid, NOW, policy))
            for machine, _ in reading.every_machine(limit=100)
            for policy in (None, *reading.in_force().policies)
        }


def test_chunks_that_were_packed_row_by_row_say_the_same(tmp_path: Path) -> None:
    store_of(tmp_path, 30).close()
    store = open_store(tmp_path)
    with store.write() as tx:
        tx.in_place, tx.chunk = 5, 7
        waiver = make_waiver("wide", check_id="check-07")
        tx.put_object("exception", waiver, actor="ann", as_of=NOW, create=True)
    more = True
    while more:
        with store.write() as tx:
            more = tx.continue_rescoring(NOW + timedelta(minutes=1))
    by_column = histories(store)
    assert any(each.cause.ref == "ann" for told in by_column.values() for each in told)

    with store.write() as tx:
        for event, first, body in tx.db.all("SELECT event, first_machine, body FROM fleet_score"):
            runs = msgspec.json.decode(zlib.decompress(body))
            rows: list[list[int | None]] = [
                [machine, policy, *values]
                for policy, machines, *columns in runs
                for machine, *values in zip(machines, *columns, strict=True)
            ]
            tx.db.run(
                "UPDATE fleet_score SET body = ? WHERE event = ? AND first_machine = ?",
                (zlib.compress(msgspec.json.encode(rows)), event, first),
            )
    assert histories(store) == by_column
    store.close()
