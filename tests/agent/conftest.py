from collections.abc import Iterator

import pytest

from tests.agent.controller_server import FakeController, serving


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with serving() as found:
        yield found
