from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.model.machine import Machine
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A controller's store, in ``tmp_path``, with checks c0 to c7 under one policy."""
    opened = open_store(tmp_path)
    opened.take_over("tests", NOW)
    with opened.write() as tx:
        checks = [make_check(f"c{n}") for n in range(8)]
        tx.seed_checks(checks, actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(), actor="t", as_of=NOW, create=True)
        add_key(tx)
    yield opened
    opened.close()


@pytest.fixture
def machine(store: SqlStore) -> Machine:
    with store.write() as tx:
        return enroll(tx, "token")
