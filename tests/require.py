"""What a machine may lack is skipped by name; where everything must be there, it fails."""

from __future__ import annotations

import os

import pytest


def require(name: str, present: bool) -> None:
    """Skip the test, or fail it where ``GITWARD_TEST_REQUIRE=all`` says so."""
    if present:
        return
    if os.environ.get("GITWARD_TEST_REQUIRE") == "all":
        pytest.fail(f"{name} is not on this machine")
    pytest.skip(f"{name} is not on this machine")
