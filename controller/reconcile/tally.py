"""What the passes of this process came to, for metrics. Safe to use from several threads."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.reconcile.reconciler import PassResult


@dataclass(frozen=True, slots=True)
class Tallied:
    """Sums since the process began."""

    passes: Counter[tuple[str, str, str]]
    """By source, kind of ending and reason."""
    phase_count: Counter[tuple[str, str, str]]
    """By source, phase and kind of ending."""
    phase_microseconds: Counter[tuple[str, str, str]]
    operations: Counter[tuple[str, str]]
    """By source and operation, of plans that were put in force."""


class Tally:
    """Counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passes: Counter[tuple[str, str, str]] = Counter()
        self._count: Counter[tuple[str, str, str]] = Counter()
        self._microseconds: Counter[tuple[str, str, str]] = Counter()
        self._operations: Counter[tuple[str, str]] = Counter()

    def add(self, source: str, result: PassResult) -> None:
        """Count a finished pass."""
        kind, reason = result.ending.kind, result.ending.reason
        with self._lock:
            self._passes[source, kind, reason] += 1
            for phase, seconds in result.phases:
                self._count[source, phase, kind] += 1
                self._microseconds[source, phase, kind] += round(seconds * 1_000_000)
            for operation, count in result.operations:
                self._operations[source, operation] += count

    def now(self) -> Tallied:
        """The sums so far."""
        with self._lock:
            return Tallied(
                Counter(self._passes),
                Counter(self._count),
                Counter(self._microseconds),
                Counter(self._operations),
            )
