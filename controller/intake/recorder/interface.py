"""What the intake asks of whoever records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from controller.store.port.reports import Receipt, Submission


class Recorder(Protocol):
    """Puts reports on disk, one batch after the other."""

    @property
    def losses(self) -> int:
        """How often a process that recorded was lost."""
        ...

    def start(self) -> None:
        """Get ready."""
        ...

    def record(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """Take a batch in one transaction; what became of each, once it is on disk.

        A report that has to be read whole before it can be taken may have a second transaction.

        Raises:
            ControllerError: Nothing was taken: the store is locked, full, gone or another's.
        """
        ...

    def stop(self) -> None:
        """End; nothing is asked any more."""
        ...
