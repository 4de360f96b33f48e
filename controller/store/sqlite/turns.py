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

    def __enter__(self) -> None:
        self._waiting.append(None)
        try:
            self._lock.acquire()
        finally:
            self._waiting.pop()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_back()

    def take(self) -> bool:
        """Take a turn that is free and that nobody waits for; never waits. ``give_back`` ends it."""
        return not self._waiting and self._lock.acquire(blocking=False)

    def give_back(self) -> None:
        """End a turn, also one that another thread took."""
        self._lock.release()

    def wanted(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)
