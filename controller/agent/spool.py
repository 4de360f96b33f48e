"""Reports that the controller has not taken yet, on disk.

A report is written here before it is sent and removed when it was taken or refused for good. So a
crash, a full day offline or a lost answer changes nothing: it goes again, with the same id. A file is
written whole under a name that is never read, made durable, and only then given its real name.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOST_REPORTS: Final = 64
MOST_BYTES: Final = 32 * 1024 * 1024
_NAME: Final = re.compile(r"(\d{12})-([0-9a-f-]{1,64})\.json")
_UNFINISHED: Final = ".unfinished-"


@dataclass(frozen=True, slots=True)
class Spooled:
    """One report that waits."""

    number: int
    report_id: str
    path: Path
    size: int


class Spool:
    """A folder of reports, oldest first, bounded in number and bytes."""

    def __init__(
        self,
        folder: Path,
        on_drop: Callable[[str], None],
        *,
        most_reports: int = MOST_REPORTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._folder = folder
        self._on_drop = on_drop
        self._most_reports = most_reports
        self._most_bytes = most_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name.startswith(_UNFINISHED):
                path.unlink(missing_ok=True)

    def put(self, report_id: str, body: bytes) -> None:
        """Keep a report; when this returns it is on disk. The oldest make room for it.

        Raises:
            OSError: The disk is full or broken.
        """
        waiting = self.waiting()
        number = waiting[-1].number + 1 if waiting else 1
        unfinished = self._folder / f"{_UNFINISHED}{report_id}"
        with _new_file(unfinished) as descriptor:
            view = memoryview(body)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        unfinished.replace(self._folder / f"{number:012d}-{report_id}.json")
        self._sync_folder()
        self._make_room()

    def waiting(self) -> list[Spooled]:
        """What waits, oldest first."""
        found = []
        for path in self._folder.iterdir():
            name = _NAME.fullmatch(path.name)
            if name:
                found.append(Spooled(int(name[1]), name[2], path, path.stat().st_size))
        return sorted(found, key=lambda report: report.number)

    def remove(self, report: Spooled) -> None:
        """Forget a report that was taken, or refused for good."""
        report.path.unlink(missing_ok=True)
        self._sync_folder()

    def _make_room(self) -> None:
        waiting = self.waiting()
        total = sum(report.size for report in waiting)
        # The newest always stays: it alone says how the machine is now.
        while len(waiting) > 1 and (len(waiting) > self._most_reports or total > self._most_bytes):
            oldest = waiting.pop(0)
            total -= oldest.size
            self.remove(oldest)
            self._on_drop(
                f"dropped report {oldest.report_id}, the oldest of those that wait to be sent: "
                f"no more than {self._most_reports} of them or {self._most_bytes} bytes are kept"
            )

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
