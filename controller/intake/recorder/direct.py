"""Recording in this process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from controller.intake.recorder.interface import Outcomes, Told
from controller.store.port.reports import Submission
from controller.store.port.store import Store


class DirectRecorder:
    """Writes to a store itself."""

    losses = 0

    def __init__(self, store: Store) -> None:
        self._store = store

    def start(self) -> None:
        """Nothing has to be made ready."""

    def begin(self, submissions: Sequence[Submission], told: Told) -> None:
        """As ``Recorder.begin``: all of it is waiting."""
        told(partial(self.record, submissions))

    def look(self) -> None:
        """Nothing is told without having been waited for."""

    def record(self, submissions: Sequence[Submission]) -> Outcomes:
        """As ``Recorder.record``."""
        with self._store.write() as transaction:
            return transaction.record_reports(submissions)

    def stop(self) -> None:
        """Nothing is left to end."""
