"""One source, reconciled: a pass is a list of steps, and whatever happens has an ending."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.errors import ControllerError, StoreError
from controller.failpoints import reached
from controller.model.operator import SourceLimit
from controller.model.source import SourceStatus
from controller.reconcile.ending import Ending, failed
from controller.reconcile.memory import Memory
from controller.reconcile.operations import resumed
from controller.reconcile.record import conclude, worth_storing
from controller.reconcile.steps import GROWING, STEPS
from controller.reconcile.summarize import fresh, returned, with_settings
from controller.reconcile.work import Pass
from controller.source.interface import Source
from controller.store.port.store import Store

NO_LIMIT: Final = SourceLimit()
_MUCH: Final = 50_000
"""Objects made by one step of which nearly all stay; the collector would look at each at once."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """What the loop needs to know of a finished pass."""

    ending: Ending
    again: bool = False
    """A request came in while it ran: go again at once."""
    phases: tuple[tuple[str, float], ...] = ()
    """Names of the steps that were taken, and the seconds they took."""
    operations: tuple[tuple[str, int], ...] = ()
    """Of the plan, when it was put in force."""


class Reconciler:
    """Brings what one source declares into force, pass by pass. One pass at a time."""

    def __init__(
        self,
        source: Source,
        store: Store,
        *,
        clock: Callable[[], datetime],
        limit: SourceLimit = NO_LIMIT,
    ) -> None:
        """Keep what is needed; nothing is read or written yet.

        Args:
            source: Where the configuration comes from.
            store: Where it is put in force.
            clock: Now, aware, UTC.
            limit: What the source may declare.
        """
        self.source = source
        self._limit = limit
        self._store = store
        self._clock = clock
        self._memory = Memory()

    def register(self) -> SourceStatus:
        """Make the source known with its settings of now, before the first pass.

        Raises:
            StoreError: The store cannot be written.
        """
        source = self.source
        settings = {
            "url": source.url,
            "ref": source.ref,
            "path": source.path,
            "trust": source.trust,
            "limit": str(self._limit),
        }
        with self._store.read() as reading:
            known = reading.source(source.name)
        if known and not known.removed and with_settings(known, **settings) == known:
            return known
        with self._store.write() as writing:
            known = writing.source(source.name)
            status = (
                with_settings(known, **settings)
                if known
                else fresh(source.name, **settings, as_of=self._clock())
            )
            if status.removed:
                status = returned(status, self._clock())
            writing.save_source(status)
        return status

    def run(self) -> PassResult:
        """Make one pass. Never raises a ``ControllerError``: what goes wrong is in the ending."""
        try:
            work = self._begin()
            phases: list[tuple[str, float]] = []
            ending = _drive(work, phases)
            again = self._end(work, ending)
            applied = work.plan if ending.kind == "applied" else None
            operations = tuple(applied.counts().items()) if applied else ()
            return PassResult(ending, again, tuple(phases), operations)
        except StoreError as error:
            return PassResult(failed(error))

    def _end(self, work: Pass, ending: Ending) -> bool:
        """Store how it ended; whether a newer request waits already."""
        now = self._clock()
        # What was applied has its end stored in the transaction that put it in force.
        if ending.kind == "applied" or not worth_storing(work, ending, now):
            with self._store.read() as reading:
                return reading.reconcile_request(work.name) > work.request
        reached("before_finish")
        with self._store.write() as writing:
            return conclude(writing, work, ending, now)

    def _begin(self) -> Pass:
        status = self.register()
        now = self._clock()
        with self._store.read() as reading:
            request = reading.reconcile_request(status.name)
            status = reading.source(status.name) or status
        if status.suspended and status.suspend_until and status.suspend_until <= now:
            status = self._resume(status.name)
        return Pass(
            self.source, self._store, self._clock, self._memory, status, request, self._limit
        )

    def _resume(self, name: str) -> SourceStatus:
        """End a suspension whose time is over."""
        now = self._clock()
        with self._store.write() as writing:
            before = writing.source(name)
            if before is None or not before.suspended:
                return self.register()
            status = resumed(before)
            writing.save_source(status)
            detail = {"was": before.suspend_reason, "until": str(before.suspend_until)}
            writing.add_audit("gitward", "resume", f"source/{name}", now, detail=detail)
        return status


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let nothing look through the heap for cycles while it grows by what stays in it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if gc.get_count()[0] > _MUCH:
                # Old without having been looked through: it goes with the next look at everything.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _drive(work: Pass, phases: list[tuple[str, float]]) -> Ending:
    for step in STEPS:
        began = time.monotonic()
        try:
            with _uncollected() if step in GROWING else nullcontext():
                ending = step(work)
        except ControllerError as error:
            return failed(error)
        finally:
            phases.append((step.__name__, time.monotonic() - began))
        if ending is not None:
            return ending
    raise AssertionError("the last step always ends a pass")
