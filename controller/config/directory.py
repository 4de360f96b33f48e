"""Read the documents of a folder on disk, following no link and no submodule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from controller.config.files import FOLDERS, SETTINGS_PATH, SourceFile, is_document
from controller.config.finding import problem
from controller.config.text_guard import MAX_BYTES
from controller.model.problem import Problem


def read_directory(root: Path) -> tuple[list[SourceFile], list[Problem]]:
    """The documents under ``root`` in a fixed order, and what could not or must not be read.

    A file beyond the size limit is read up to just above it: enough for the reader to refuse it.
    """
    files: list[SourceFile] = []
    problems: list[Problem] = []
    for path, entry in _entries(root, problems):
        if entry.is_symlink():
            message = "is a link; links are not followed, put the file itself there"
            problems.append(problem("GW118", path, 0, 0, "", message))
        elif not entry.is_file(follow_symlinks=False):
            if is_document(path):
                message = "is no regular file; remove it"
                problems.append(problem("GW118", path, 0, 0, "", message))
        elif is_document(path):
            if not _plain(path):
                message = "the name is not plain; rename it"
                problems.append(problem("GW123", path, 0, 0, "", message))
                continue
            try:
                files.append(SourceFile(path, _content(entry.path)))
            except OSError as error:
                problems.append(_unreadable(path, error))
    files.sort(key=lambda file: file.path)
    return files, problems


def _plain(path: str) -> bool:
    """Whether a name is shown as it is, and means one file everywhere (as ``source`` demands too)."""
    return path.isprintable() and "\\" not in path and len(path) <= 1024


def _entries(root: Path, problems: list[Problem]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything under the three folders but the folders themselves, and the settings file."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = list(listing)
        except OSError as error:
            problems.append(_unreadable(folder or ".", error))
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not folder and path not in FOLDERS and path != SETTINGS_PATH:
                continue
            if entry.is_dir(follow_symlinks=False):
                if Path(entry.path, ".git").exists():
                    message = (
                        "is a submodule, which is never followed; commit the documents themselves"
                    )
                    problems.append(problem("GW122", path, 0, 0, "", message))
                else:
                    pending.append(path)
            else:
                yield path, entry


def _content(path: str) -> bytes:
    # O_NOFOLLOW: the entry could have been replaced by a link since it was listed.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _unreadable(path: str, error: OSError) -> Problem:
    message = f"cannot be read: {error.strerror or error}; correct its permissions"
    return problem("GW119", path, 0, 0, "", message)
