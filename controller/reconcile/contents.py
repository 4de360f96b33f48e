"""Parsed files by what they hold, so that a pass costs what changed, not what there is."""

from __future__ import annotations

from collections.abc import Sequence

from controller.config.load import FileContent, SourceFile, read_file
from controller.source.interface import Source, TreeFile


class Contents:
    """The files of the newest snapshot, parsed; bounded by what one snapshot may hold.

    A file is known by path and blob: the same bytes mean something else under another name.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, FileContent]] = {}

    def of(self, source: Source, files: Sequence[TreeFile]) -> list[FileContent]:
        """Every file's content, in the order of ``files``; only unknown ones are read.

        Raises:
            SourceError: They cannot be read.
        """
        known, nothing = self._known, ("", None)
        unknown = [file for file in files if known.get(file.path, nothing)[0] != file.blob]
        texts = source.read(unknown) if unknown else {}
        fresh = {
            file.path: (file.blob, read_file(SourceFile(file.path, texts[file.blob])))
            for file in unknown
        }
        self._known = {file.path: fresh.get(file.path) or known[file.path] for file in files}
        return [content for _, content in self._known.values()]
