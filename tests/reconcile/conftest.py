from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reconcile.rig import Rig
from tests.reconcile.several import Sources


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    found = Sources(tmp_path)
    yield found
    found.close()
