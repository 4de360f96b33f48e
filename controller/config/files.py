"""Which files of a repository are documents, and of what kind. Pure, and quick to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

FileKind = Literal["policy", "catalog", "exception", "settings"]

SETTINGS_PATH: Final = "gitward.yaml"
FOLDERS: Final[Mapping[str, FileKind]] = {
    "policies": "policy",
    "checks": "catalog",
    "exceptions": "exception",
}


class SourceFile(NamedTuple):
    """A file as it came from a commit or a folder; the path is relative, with slashes."""

    path: str
    content: bytes


Spot = tuple[int, int]
"""Line and column, from 1."""


class Outline(NamedTuple):
    """One document, read the short way. Plain values only, so that it can go from one process to another."""

    value: dict[str, Any]
    """To be read only: what lines that are alike say is the same object."""
    spot: Spot
    entries: tuple[Spot, ...]
    """Where each mapping in a list of the document begins, in order: the checks of a catalog."""


def kind_of_path(path: str) -> FileKind | None:
    """What a path of the repository declares, if anything."""
    if path == SETTINGS_PATH:
        return "settings"
    folder, slash, _ = path.partition("/")
    if slash and path.endswith((".yaml", ".yml")):
        return FOLDERS.get(folder)
    return None


def is_document(path: str) -> bool:
    """Whether a path of the repository is read at all; everything else is ignored."""
    return kind_of_path(path) is not None
