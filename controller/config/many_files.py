"""Read the files of a revision as they come, with the help of a second process where there is one.

The second process is given portions as long as it keeps up; this one judges what came back and, where
nothing has, reads from the newest on. Whatever the other does not answer is read here: the content of
each file is that of ``read_file``.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import msgspec

from controller.config.contents import FileContent
from controller.config.files import SourceFile
from controller.config.reading import judge, read_file
from controller.config.second_reader import SecondReader

_PORTION: Final = 32
_OWN_PORTION: Final = 8
_MOST_ASKED: Final = 4
"""Portions that may be unanswered at a time: they are what is waited for in the end."""
_PATIENCE_SECONDS: Final = 30.0
"""For an answer when nothing else is left to do; that the process died is known at once."""


class FilesReader:
    """Takes files one by one, and has the contents of all in the end. Never raises."""

    def __init__(self, second: SecondReader | None) -> None:
        """Take none yet.

        Args:
            second: A process that helps. It is not closed here.
        """
        self._second = second
        self._contents: dict[str, FileContent] = {}
        self._waiting: dict[str, SourceFile] = {}
        """By path, those that nobody has begun to read."""

    def take(self, file: SourceFile) -> None:
        """Take a file, and go on with what can be done without waiting for anybody."""
        if self._second is None:
            self._contents[file.path] = read_file(file)
            return
        self._waiting[file.path] = file
        if len(self._waiting) >= _PORTION:
            self._go_on(0)

    def contents(self) -> dict[str, FileContent]:
        """What each file declares, by path."""
        while self._second is not None and (self._waiting or self._second.asked):
            self._go_on(0 if self._waiting else _PATIENCE_SECONDS)
        self._read(len(self._waiting))
        return self._contents

    def _go_on(self, seconds: float) -> None:
        """Let the other process have what it can take, and judge its answer, or read something here."""
        second = self._second
        if second is None:
            return
        try:
            while self._waiting and len(second.asked) < _MOST_ASKED:
                second.ask(
                    [self._waiting.pop(path) for path in list(islice(self._waiting, _PORTION))]
                )
            answer = second.answer(seconds)
        except (OSError, msgspec.DecodeError):  # it is lost
            self._second = None
            for portion in second.asked:
                self._waiting |= {file.path: file for file in portion}
            return
        if answer is None:
            self._read(_OWN_PORTION)
        else:
            for file, plain in zip(*answer, strict=True):
                self._contents[file.path] = judge(file, plain)

    def _read(self, count: int) -> None:
        """Read some of those that wait, the newest first: the other process takes the oldest."""
        for _ in range(min(count, len(self._waiting))):
            path, file = self._waiting.popitem()
            self._contents[path] = read_file(file)
