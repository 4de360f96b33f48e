from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from controller.reconcile import operations
from controller.reconcile.loop import Loop
from controller.reconcile.reconciler import PassResult, Reconciler
from tests.reconcile.repository import base, policy
from tests.reconcile.rig import Rig

PATIENCE = 20.0
"""Seconds after which a hang is a failure; never how fast something is."""


def now() -> datetime:
    return datetime.now(UTC)


class Passes:
    """The finished passes, to wait for one of a kind."""

    def __init__(self) -> None:
        self._results: queue.Queue[PassResult] = queue.Queue()

    def add(self, result: PassResult) -> None:
        self._results.put(result)

    def until(self, kind: str) -> PassResult:
        while True:
            result = self._results.get(timeout=PATIENCE)
            if result.ending.kind == kind:
                return result


@contextmanager
def running(rig: Rig, interval: float = 3600) -> Iterator[tuple[Loop, Passes]]:
    passes = Passes()
    rig.reconciler = Reconciler(rig.source, rig.store, clock=now)
    loop = Loop(
        rig.reconciler,
        rig.store,
        interval=interval,
        clock=now,
        jitter=lambda: 0.5,
        done=passes.add,
    )
    loop.start()
    try:
        yield loop, passes
    finally:
        assert loop.stop(PATIENCE)


def test_it_begins_with_a_pass_and_takes_a_local_commit_without_being_asked(rig: Rig) -> None:
    rig.commit(base())
    with running(rig) as (_, passes):
        passes.until("applied")
        rig.commit({"policies/laptops.yaml": policy("Portable")})
        passes.until("applied")
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Portable"


def test_a_stored_request_by_another_process_is_noticed(rig: Rig) -> None:
    rig.commit(base())
    with running(rig) as (_, passes):
        passes.until("applied")
        number = operations.request(rig.store, None, "ada", now())
        passes.until("settled")
        assert rig.status.handled_request == number


def test_a_confirmation_releases_the_plan_at_once(rig: Rig) -> None:
    rig.commit(base())
    with running(rig) as (_, passes):
        passes.until("applied")
        rig.commit(dict.fromkeys(base()))
        held = passes.until("held").ending.held
        assert held is not None
        operations.confirm(rig.store, None, held.digest, "ada", now())
        passes.until("applied")
    assert rig.ids("policy") == set()


def test_resuming_takes_what_came_meanwhile(rig: Rig) -> None:
    rig.commit(base())
    with running(rig) as (loop, passes):
        passes.until("applied")
        operations.suspend(rig.store, None, "Audit", None, "ada", now())
        rig.commit({"policies/laptops.yaml": policy("Portable")})
        loop.wake()
        passes.until("suspended")
        operations.resume(rig.store, None, "ada", now())
        passes.until("applied")


def test_a_failure_is_retried_and_a_bug_does_not_end_the_loop(rig: Rig) -> None:
    rig.commit(base())
    original = rig.source.head
    broken = threading.Event()

    def head() -> str:
        if not broken.is_set():
            broken.set()
            raise ZeroDivisionError("a bug")
        return str(original())

    rig.source.head = head  # type: ignore[attr-defined]
    with running(rig) as (_, passes):
        failed = passes.until("transient")
        assert "this is a bug: ZeroDivisionError" in failed.ending.message
        passes.until("applied")


def test_it_stops_promptly_while_it_waits(rig: Rig) -> None:
    rig.commit(base())
    with running(rig) as (_, passes):
        passes.until("applied")
    assert not [t for t in threading.enumerate() if t.name.endswith("-default")]
