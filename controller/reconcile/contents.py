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
        self._known: dict[TreeFile, FileContent] = {}

    def of(self, source: Source, files: Sequence[TreeFile]) -> list[FileContent]:
        """Every file's content, in the order of ``files``; only unknown ones are read.

        Raises:
            SourceError: They cannot be read.
        """
        unknown = [file for file in files if file not in self._known]
        texts = source.read(unknown) if unknown else {}
        fresh = {file: read_file(SourceFile(file.path, texts[file.blob])) for file in unknown}
        self._known = {file: fresh[file] if file in fresh else self._known[file] for file in files}
        return [self._known[file] for file in files]
