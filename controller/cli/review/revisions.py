"""The two sides of a plan, read from a repository on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.config.builtin import builtin_checks_if_wanted
from controller.config.load import SourceFile, assemble, read_file
from controller.model.configuration import Configuration
from controller.model.problem import Problem
from controller.reconcile.lineage import Version, version
from controller.source.interface import Snapshot
from controller.source.local import LocalRepository

_VERSIONS: Final = 20
"""How many versions of an exception's file are read."""


@dataclass(frozen=True, slots=True)
class Side:
    """A revision with what it declares."""

    revision: str
    snapshot: Snapshot
    texts: dict[str, bytes]
    """By blob id."""
    configuration: Configuration
    errors: list[Problem]
    """That do not depend on the time."""


def read_side(repository: LocalRepository, revision: str, as_of: datetime) -> Side:
    """Read and judge a revision."""
    snapshot = repository.snapshot(revision)
    texts = repository.read(snapshot)
    contents = [read_file(SourceFile(file.path, texts[file.blob])) for file in snapshot.files]
    builtin = builtin_checks_if_wanted(contents)
    loaded = assemble(contents, as_of=as_of, builtin_checks=builtin)
    errors = [each for each in loaded.problems if each.level == "error" and not each.clock]
    return Side(snapshot.revision, snapshot, texts, loaded.configuration, errors)


def changed_files(base: Side, head: Side) -> dict[str, str | None]:
    """Path to the text that the head has; none where it has no such file. Unchanged ones are absent."""
    old = {file.path: file.blob for file in base.snapshot.files}
    new = {file.path: file.blob for file in head.snapshot.files}
    gone: dict[str, str | None] = {path: None for path in old if path not in new}
    return gone | {
        path: head.texts[blob].decode("utf-8", "surrogateescape")
        for path, blob in new.items()
        if old.get(path) != blob
    }


def pasts_of(
    repository: LocalRepository, head: Side, asked: Mapping[str, Sequence[str]]
) -> dict[str, list[Version]]:
    """The versions of exceptions in the head's history, newest first.

    Args:
        repository: Where.
        head: The side that declares them.
        asked: Id of an exception to the files that declare or declared it.
    """
    paths = sorted({path for each in asked.values() for path in each})
    start = "HEAD" if head.revision.startswith("worktree@") else head.snapshot.sha
    found = repository.versions(repository.resolve(start), paths, _VERSIONS) if paths else {}
    return {
        id_: [
            told
            for path in files
            for commit, text in found[path]
            if (told := version(commit, path, text, id_))
        ]
        for id_, files in asked.items()
    }
