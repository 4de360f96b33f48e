"""Sources that the operator took out of the settings: what they declared is neither lost nor forgotten.

A missing name may be a mistake in a file, so nothing is deleted by it. The source is ``Stalled`` with
``SourceRemoved`` until a person decides: put it back, have another source declare its objects, or
confirm the plan that deletes them. That plan is held like any other, and bound to exactly what it deletes.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from controller.model.conditions import FORGOTTEN_REASON, REMOVED_REASON
from controller.model.configuration import Configuration
from controller.model.plan import Plan
from controller.model.source import HeldPlan, RevisionRecord, SourceStatus
from controller.model.terms import KINDS
from controller.reconcile.guards import PLURALS
from controller.reconcile.plan import plan
from controller.reconcile.summarize import with_conditions
from controller.store.looking import keep_looking
from controller.store.port.sources import Event
from controller.store.port.store import Reading, Store, Writing

LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Leftovers:
    """Looks after removed sources. One thread; ``step`` is one look."""

    def __init__(
        self,
        store: Store,
        names: Iterable[str],
        clock: Callable[[], datetime],
        *,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make one.

        Args:
            store: What is in force.
            names: Sources that are known and no longer configured.
            clock: Now, aware, UTC.
            forget: Told when nothing of a source is left: its files may go.
        """
        self._store = store
        self.names = set(names)
        self._clock = clock
        self._forget = forget
        self._seen: int | None = None

    def step(self) -> None:
        """Look once.

        Raises:
            StoreError: The store cannot be used now.
        """
        change = self._store.change()
        if change == self._seen:
            return
        for name in sorted(self.names):
            if self._stands(name):
                continue
            with self._store.write() as writing:
                settled = _settle(writing, name, self._clock())
            if settled:
                self.names.discard(name)
                self._forget(name)
        self._seen = change

    def _stands(self, name: str) -> bool:
        """Whether nothing has to be written about a source."""
        now = self._clock()
        with self._store.read() as reading:
            status = reading.source(name)
            if status is None:
                return False
            wanted = left_behind(status, _prune(reading, name, now), _request(reading, name), now)
        return wanted == status and not _released(wanted)

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop, or until no removed source is left."""
        doing = "looking after removed sources"
        keep_looking(self.step, stop, LOOK_SECONDS, doing, _log, over=lambda: not self.names)


def left_behind(
    status: SourceStatus, deletions: Plan, request: int, as_of: datetime
) -> SourceStatus:
    """The status of a source that is no longer configured. Pure.

    Args:
        status: As stored.
        deletions: The plan that deletes everything it still manages.
        request: The newest reconcile request; whoever waits for it is answered by the status.
        as_of: Now.
    """
    counts = [
        f"{n} {kind if n == 1 else PLURALS[kind]}"
        for kind in KINDS
        if (n := _count(deletions, kind))
    ]
    what = ", ".join(counts) or "nothing but its settings"
    digest = hashlib.sha256(f"removed\n{status.name}\n{deletions.digest}\n".encode()).hexdigest()
    message = (
        f"it is no longer among the configured sources; what it declared stays in force ({what}). "
        "Put it back, have another source declare its objects, or delete them: "
        f"gitward confirm {digest}"
    )
    deletes = tuple(f"{each.kind}/{each.id}" for each in deletions.operations)
    held = HeldPlan(digest, status.last_applied_revision or "", REMOVED_REASON, message, deletes)
    told = REMOVED_REASON, message
    return with_conditions(
        replace(
            status,
            held_plan=held,
            confirmed_digest=digest if status.confirmed_digest == digest else None,
            handled_request=max(status.handled_request, request),
        ),
        as_of,
        {"Ready": ("False", *told), "Stalled": ("True", *told), "Reconciling": None},
    )


def _count(deletions: Plan, kind: str) -> int:
    return sum(each.kind == kind for each in deletions.operations)


def _released(status: SourceStatus) -> bool:
    """Whether its objects go now: a person said so, or there are none."""
    held = status.held_plan
    if held is None or status.suspended:
        return False
    return status.confirmed_digest == held.digest or not held.deletes


def _prune(reading: Reading, name: str, as_of: datetime) -> Plan:
    in_force = reading.in_force()
    current = {(kind, id_): each for kind in KINDS for id_, each in in_force.of_kind(kind).items()}
    settings = reading.settings_of(name)
    return plan(current, Configuration(), source=name, as_of=as_of, settings=settings)


def _request(reading: Reading, name: str) -> int:
    return reading.reconcile_request(name)


def _settle(writing: Writing, name: str, now: datetime) -> bool:
    """Say what there is to say, or do what was confirmed; whether the source is gone for good."""
    before = writing.source(name)
    if before is None:
        return True
    deletions = _prune(writing, name, now)
    status = left_behind(before, deletions, _request(writing, name), now)
    if _released(status):
        _delete(writing, status, deletions, now)
        return True
    writing.save_source(status)
    if not before.removed and status.held_plan is not None:
        _say(writing, status, REMOVED_REASON, status.held_plan.message, now)
    return False


def _delete(writing: Writing, status: SourceStatus, deletions: Plan, now: datetime) -> None:
    """Delete what is left of a source, with its history; tombstones stay."""
    held = status.held_plan
    sha = held.digest[:40] if held else ""
    if deletions:
        record = RevisionRecord(
            source=status.name,
            revision=f"removed@{sha}",
            sha=sha,
            author="",
            subject=f"The source {status.name} was removed",
            committed_at=None,
            attempted_at=now,
            result="applied",
            applied_at=now,
            counts={str(op): count for op, count in deletions.counts().items()},
            plan_digest=deletions.digest,
        )
        settings = Configuration().settings
        writing.apply_plan(status.name, deletions, settings, record, {}, now)
    message = f"forgotten, with what it still declared: {len(deletions.operations)} deleted"
    writing.add_audit(f"git:{status.name}", "forget", f"source/{status.name}", now)
    _say(writing, status, FORGOTTEN_REASON, message, now)
    writing.remove_source(status.name)


def _say(writing: Writing, status: SourceStatus, reason: str, message: str, now: datetime) -> None:
    event = Event(now, f"source/{status.name}", reason, status.last_applied_revision or "", message)
    writing.add_event(event)
    writing.tell(event, status.name)
