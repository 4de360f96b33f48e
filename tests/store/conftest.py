from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.store import SqlStore, open_store


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """One store of each kind there is; the same tests hold for all."""
    opened = open_store(tmp_path / "data")
    yield opened
    opened.close()
