from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.documents import base
from tests.api.server import Api, controller, serve


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A served controller with one repository applied."""
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        yield client
        client.http.close()
