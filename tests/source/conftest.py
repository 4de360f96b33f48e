from __future__ import annotations

import contextlib
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
def started() -> Callable[[], list[psutil.Process]]:
    """The processes that came since, and theirs. Whoever was there before is somebody else's: a browser."""
    before = {child.pid for child in psutil.Process().children()}

    def since() -> list[psutil.Process]:
        own = [child for child in psutil.Process().children() if child.pid not in before]
        theirs = list[psutil.Process]()
        for child in own:
            with contextlib.suppress(psutil.NoSuchProcess):
                theirs += child.children(recursive=True)
        return own + theirs

    return since


@pytest.fixture
def no_child_left(started: Callable[[], list[psutil.Process]]) -> Iterator[None]:
    yield
    assert started() == []


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
