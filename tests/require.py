"""What a machine may lack: skipped by name, or a failure where everything must be present."""

from __future__ import annotations

import os

import pytest


def require(name: str, present: bool) -> None:
    """Skip the test unless the thing is present; with GITWARD_TEST_REQUIRE=all, fail."""
    if present:
        return
    message = f"{name} is not on this machine"
    if os.environ.get("GITWARD_TEST_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)
