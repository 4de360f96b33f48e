"""One writer at a time in a process, and whether another waits for its turn."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock that tells its holder when somebody else wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[None] = deque()
        self._holder: int | None = None
        """The thread that took the turn."""

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("this thread has its turn already, and would wait for itself")
        self._waiting.append(None)
        try:
            self._lock.acquire()
        finally:
            self._waiting.pop()
        self._holder = threading.get_ident()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_back()

    def take(self) -> bool:
        """Take a turn that is free and that nobody waits for; never waits. ``give_back`` ends it."""
        if self._waiting or not self._lock.acquire(blocking=False):
            return False
        self._holder = threading.get_ident()
        return True

    def give_back(self) -> None:
        """End a turn, also one that another thread took."""
        self._holder = None
        self._lock.release()

    def wanted(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)
