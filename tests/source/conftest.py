from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from controller.source.address import parse_address
from controller.source.mirror import GitSource
from tests.source.repo import Repo


def wanted(path: str) -> bool:
    return path.endswith((".yaml", ".yml")) and path.split("/")[0] in {"policies", "checks"}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.fixture
def no_child_left() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    assert left == []


@pytest.fixture
def source_of(tmp_path: Path, no_child_left: None) -> Iterator[Callable[..., GitSource]]:
    """Make sources over an address; every one is closed at the end, and has left no process."""
    made: list[GitSource] = []

    def make(address: str, **settings: Any) -> GitSource:
        given: dict[str, Any] = {
            "name": "main",
            "ref": "main",
            "path": "",
            "data": tmp_path / "data",
            "wanted": wanted,
        } | settings
        source = GitSource(address=parse_address(address, allow_local=True), **given)
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


def pull(source: GitSource) -> str:
    """Ask and fetch, as a pass of the reconciler does."""
    sha = source.head()
    source.fetch(sha)
    return sha
