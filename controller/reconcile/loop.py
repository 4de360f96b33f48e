"""When passes run: a thread for each source, woken by what may have changed, and by time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from controller.errors import StoreError
from controller.model.source import SourceStatus
from controller.reconcile.calm import Calm
from controller.reconcile.ending import Ending
from controller.reconcile.reconciler import PassResult, Reconciler
from controller.reconcile.summarize import backoff
from controller.store.port.store import Store

MIN_INTERVAL: Final = 10.0
"""Seconds; a remote is not asked more often by the clock alone."""
_LOOK_SECONDS: Final = 1.0
"""How often the store is looked at for what another process asked for (the command line)."""
_FRUITFUL: Final = frozenset({"applied", "stalled", "held"})
"""Ends of passes that found something new."""
_log = logging.getLogger("controller.reconcile")


class Loop:
    """Runs a reconciler until it is stopped."""

    def __init__(
        self,
        reconciler: Reconciler,
        store: Store,
        *,
        interval: float,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
        done: Callable[[PassResult], None] = lambda _: None,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            reconciler: Makes the passes.
            store: Looked at for requests, confirmations and resumptions by others.
            interval: Seconds between polls, at least ``MIN_INTERVAL``; spread by a tenth either way.
            clock: Now, aware, UTC.
            jitter: Gives a number in [0, 1).
            done: Told of every finished pass: metrics, notifications.
        """
        self._reconciler = reconciler
        self._store = store
        self._interval = max(interval, MIN_INTERVAL)
        self._clock = clock
        self._jitter = jitter
        self._done = done
        self._failures = 0
        self._seen = 0
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._waking = threading.Lock()
        self._meant = False
        self._hinted = False
        self._calm = Calm()
        name = reconciler.source.name
        self._threads = (
            threading.Thread(target=self._run, name=f"reconcile-{name}", daemon=True),
            threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True),
        )

    def start(self) -> None:
        """Begin, with a pass at once."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Make a pass now, or another one after the one that runs. Harmless when repeated."""
        with self._waking:
            self._meant = True
            self._wake.set()

    def hint(self) -> None:
        """Make a pass soon, for something may have changed: a webhook came.

        One is followed at once. Those that come soon after it wait a little and are then one
        (``calm``); the request that is stored with them keeps them from being forgotten.
        """
        with self._waking:
            if not self._calm.left(time.monotonic()):
                self._hinted = True
                self._wake.set()

    def stop(self, timeout: float = 10.0) -> bool:
        """End after the step that runs; whether all threads ended in time (seconds)."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while not self._stop.is_set():
            hinted = self._begin()
            result = self._pass()
            if hinted:
                self._calm_down(fruitful=result.ending.kind in _FRUITFUL)
            if result.ending.kind == "transient":
                self._failures += 1
                self._wait(backoff(self._failures, self._jitter))
                continue
            self._failures = 0
            if not result.again or (self._waits() and self._by_hint()):
                self._wait(self._interval * (0.9 + 0.2 * self._jitter()))

    def _begin(self) -> bool:
        """Start anew with listening; whether a hint asked for the pass that begins."""
        with self._waking:
            hinted, self._hinted, self._meant = self._hinted, False, False
            self._wake.clear()
        return hinted

    def _calm_down(self, *, fruitful: bool) -> None:
        with self._waking:
            self._calm.followed(fruitful=fruitful, at=time.monotonic())
            if not self._meant:
                self._wake.clear()

    def _waits(self) -> float:
        """Seconds for which hints still have to wait."""
        return self._calm.left(time.monotonic())

    def _pass(self) -> PassResult:
        try:
            result = self._reconciler.run()
        except Exception as error:  # noqa: BLE001 - the thread's edge: a bug must not end it for good
            _log.exception("%s: this is a bug", self._reconciler.source.name)
            message = f"this is a bug: {type(error).__name__}: {error}"
            result = PassResult(Ending("transient", "StoreUnavailable", message))
        ending = result.ending
        if ending.reason:
            level = logging.INFO if ending.kind == "applied" else logging.WARNING
            _log.log(
                level, "%s: %s: %s", self._reconciler.source.name, ending.reason, ending.message
            )
        self._done(result)
        return result

    def _wait(self, seconds: float) -> None:
        """Return when that time is over, when woken, or when the store asks for a pass."""
        end = time.monotonic() + seconds
        # Looked at at least every second, and as soon as a hint need wait no longer.
        while (left := end - time.monotonic()) > 0:
            if self._wake.wait(min(left, self._waits() or _LOOK_SECONDS, _LOOK_SECONDS)):
                return
            if self._asked():
                return

    def _asked(self) -> bool:
        name = self._reconciler.source.name
        try:
            with self._store.read() as reading:
                status = reading.source(name)
                request = reading.reconcile_request(name)
        except StoreError:
            return False  # the pass that is due says so
        if status is None or request <= self._seen:
            request = 0  # this one has woken us before: it does not cut the backoff short again
        if request and self._by_hint():
            if self._waits():
                return False
            self._hinted = True
        self._seen = max(self._seen, request)
        failing = self._failures > 0
        return status is not None and asked(status, request, self._clock(), failing=failing)

    def _by_hint(self) -> bool:
        """Whether the newest request is a webhook's."""
        try:
            with self._store.read() as reading:
                actor = reading.requested_by(self._reconciler.source.name)
        except StoreError:
            return False
        return actor.startswith("webhook:")

    def _watch(self) -> None:
        for _ in self._reconciler.source.watch(self._stop):
            self.wake()


def asked(status: SourceStatus, request: int, as_of: datetime, *, failing: bool = False) -> bool:
    """Whether a person or the time asks for a pass before the next poll. Pure.

    Args:
        status: As stored.
        request: The newest reconcile request.
        as_of: Now.
        failing: The last pass failed; what it left undone waits for the backoff to be over.
    """
    if request > status.handled_request:
        return True  # also while suspended: whoever waits for it is told so
    if status.suspended:
        return status.suspend_until is not None and status.suspend_until <= as_of
    return status.confirmed_digest is not None and not failing
