"""What the intake asks of whoever records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from controller.store.port.reports import Receipt, Submission

Outcomes = list[Receipt | Exception]
"""What became of each report of a batch, in order, once it is on disk."""
Told = Callable[[Outcomes | Callable[[], Outcomes]], None]
"""Who is told what became of a batch, or what is to be called to know, where waiting harms nobody."""


class Recorder(Protocol):
    """Puts reports on disk, one batch after the other."""

    @property
    def losses(self) -> int:
        """How often a process that recorded was lost."""
        ...

    def start(self) -> None:
        """Get ready."""
        ...

    def begin(self, submissions: Sequence[Submission], told: Told) -> None:
        """Take a batch as ``record`` does, on the event loop: nothing is waited for.

        ``told`` is called once, on the event loop, maybe before this returns.
        """
        ...

    def look(self) -> None:
        """On the event loop: if what was begun is done, tell of it now."""
        ...

    def record(self, submissions: Sequence[Submission]) -> Outcomes:
        """Take a batch in one transaction.

        A report that has to be read whole before it can be taken may have a second transaction.

        Raises:
            ControllerError: Nothing was taken: the store is locked, full, gone or another's.
        """
        ...

    def stop(self) -> None:
        """End what was started. What was begun may have been recorded; ``record`` still works."""
        ...
