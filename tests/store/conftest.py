from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.rescoring import Rescoring
from controller.store.store import SqlStore, open_store


@pytest.fixture(params=["in place", "in chunks"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqlStore]:
    """The same tests hold whether a change is judged in its transaction or in chunks after it."""
    if request.param == "in chunks":
        monkeypatch.setattr(Rescoring, "in_place", 0)
        monkeypatch.setattr(Rescoring, "chunk", 1)
    opened = open_store(tmp_path / "data")
    yield opened
    opened.close()
