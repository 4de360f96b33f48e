"""Parsed files by what they hold, so that a pass costs what changed, not what there is."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from controller.config.load import FileContent, SourceFile
from controller.config.many_files import FilesReader
from controller.config.second_reader import MANY, second_reader
from controller.source.interface import Snapshot, Source, TreeFile

_path_of = attrgetter("path")


class Contents:
    """The files of the newest snapshot, parsed; bounded by what one snapshot may hold.

    A file is known by path and blob: the same bytes mean something else under another name.
    """

    def __init__(self) -> None:
        self._files: Sequence[TreeFile] = ()
        self._sha: str | None = None
        """The commit whose files these are, where that is certain."""
        self._by_path: dict[str, FileContent] = {}

    def of(self, source: Source, files: Sequence[TreeFile]) -> list[FileContent]:
        """Every file's content, in the order of ``files``; only unknown ones are read.

        Raises:
            SourceError: They cannot be read.
        """
        self._sha = None
        known = {file.path: file.blob for file in self._files}
        fresh = _read(source, [file for file in files if known.get(file.path) != file.blob])
        before, self._files = self._by_path, files
        self._by_path = {file.path: fresh.get(file.path) or before[file.path] for file in files}
        return list(self._by_path.values())

    def follow(
        self, source: Source, snapshot: Snapshot
    ) -> tuple[Mapping[str, FileContent], frozenset[str] | None]:
        """Every file's content by path, and the paths that may differ from the snapshot before.

        These are none where the snapshot before was not the one followed last.

        Raises:
            SourceError: They cannot be read.
        """
        step = snapshot.step
        if step is None or step.since != self._sha:
            self.of(source, snapshot.files)
            self._sha = snapshot.sha
            return self._by_path, None
        fresh = _read(source, _among(snapshot.files, step.changed))
        gone = (step.changed.keys() & self._by_path.keys()) - fresh.keys()
        self._by_path = self._by_path | fresh
        for path in gone:
            del self._by_path[path]
        self._files, self._sha = snapshot.files, snapshot.sha
        return self._by_path, frozenset(fresh.keys() | gone)


def _read(source: Source, files: Sequence[TreeFile]) -> dict[str, FileContent]:
    """The content of each file, by path; they are judged while others are still being read."""
    if not files:
        return {}
    second = second_reader() if len(files) >= MANY else None
    reader = FilesReader(second)
    try:
        _pour(source, files, reader)
        return reader.contents()
    finally:
        if second is not None:
            second.close()


def _pour(source: Source, files: Sequence[TreeFile], reader: FilesReader) -> None:
    """Give the reader every file once, as soon as its content is here."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        paths[file.blob].append(file.path)

    def each(blob: str, content: bytes) -> None:
        for path in paths.pop(blob, ()):
            reader.take(SourceFile(path, content))

    source.read(files, each)


def _among(files: Sequence[TreeFile], paths: Iterable[str]) -> list[TreeFile]:
    """Those of the files, which are in order of path, that are at these paths."""
    found = []
    for path in sorted(paths):
        at = bisect_left(files, path, key=_path_of)
        if at < len(files) and files[at].path == path:
            found.append(files[at])
    return found
