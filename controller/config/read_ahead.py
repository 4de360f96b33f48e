"""Read a folder in a second process, while this one still imports what judges the documents.

For a short command alone: the second process is a fork, so there must be no other thread. It hands
over plain values (``Outline``) and ends; whatever goes wrong with it, this process reads the folder
itself.
"""

from __future__ import annotations

import marshal
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

Fields = tuple[Any, ...]


class Ahead(NamedTuple):
    """What was read of a folder: plain values, in the order of the files."""

    files: list[tuple[str, bytes]]
    problems: list[Fields]
    """The fields of each ``Problem``."""
    plain: list[tuple[Fields, ...] | None]
    """The fields of each ``Outline`` of each file; none where the file is to be read the long way."""


class ReadAhead:
    """A folder that is being read."""

    def __init__(self, root: Path) -> None:
        """Begin, in a second process where there can be one."""
        self._root = root
        self._pipe: int | None = None
        self._process = 0
        if hasattr(os, "fork") and threading.active_count() == 1 and (os.cpu_count() or 1) > 1:
            self._begin()

    def _begin(self) -> None:
        taking, giving = os.pipe()
        try:
            self._process = os.fork()
        except OSError:  # no room for another process
            os.close(taking)
            os.close(giving)
            return
        if self._process == 0:
            _give(self._root, giving)
        os.close(giving)
        self._pipe = taking

    def result(self) -> Ahead:
        """Wait for the end; read the folder here if it was not read elsewhere."""
        given = self._given() if self._pipe is not None else None
        return Ahead(*given) if given is not None else read(self._root)

    def _given(self) -> Any:  # noqa: ANN401 - what marshal gives back
        assert self._pipe is not None  # noqa: S101 - looked at by the caller
        with os.fdopen(self._pipe, "rb") as stream:
            content = stream.read()
        self._pipe = None
        _, status = os.waitpid(self._process, 0)
        return marshal.loads(content) if status == 0 else None  # noqa: S302 - our own process wrote it


def _give(root: Path, pipe: int) -> None:
    """Read, write, and end this process without any of the other one's endings."""
    status = 1
    try:
        with os.fdopen(pipe, "wb") as stream:
            stream.write(marshal.dumps(tuple(read(root))))
        status = 0
    finally:
        os._exit(status)


def read(root: Path) -> Ahead:
    """Read the documents of a folder, each the short way."""
    from dataclasses import astuple

    from controller.config.directory import read_directory
    from controller.config.short_way import outlines_of

    files, problems = read_directory(root)
    plain = [outlines_of(file) for file in files]
    return Ahead(
        [(file.path, file.content) for file in files],
        [astuple(problem) for problem in problems],
        [None if each is None else tuple(map(tuple, each)) for each in plain],
    )
