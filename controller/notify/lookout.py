"""Looks for what no transaction of its own tells: machines that turned, exceptions that end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from controller.model.documents import Waiver
from controller.model.notice import MachineTurn
from controller.store.looking import Looks, keep_looking
from controller.store.port.sources import Event
from controller.store.port.store import Reading, Store, Writing

LOOK_SECONDS: Final = 2.0
MANY: Final = 20
"""More machines than this that turn together are told in one message."""
_CHUNK: Final = 100_000
_STEPS: Final = (7, 1)
"""Days before its end at which an exception is told, beside the repository's warn_days."""
_log = logging.getLogger(__name__)


class Lookout:
    """One thread; ``step`` is one look."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Make one.

        Args:
            store: What is looked at.
            clock: Now, aware, UTC.
        """
        self._store = store
        self._clock = clock
        self._looks = Looks()

    def step(self) -> int:
        """Look once; how many events there were to tell."""
        now = self._clock()
        with self._store.read() as reading:
            change = reading.change()
            if not self._looks.due(change, now):
                return 0
            begun = reading.told_since() is not None
            turns = () if reading.unfinished() else reading.machine_turns(_CHUNK)
            revision = reading.in_force().revision or ""
            events = list(_turned(turns, revision, now)) if begun else []
            due = list(_due(reading, now))
        told = 0
        if turns or due or not begun:
            with self._store.write() as writing:
                if not begun:
                    writing.begin_telling(now)
                writing.note_turns(turns)
                fresh = [
                    event for about, word, event in due if writing.note_once(about, word) and event
                ]
                if begun:
                    told = _tell(writing, [*events, *fresh])
            with self._store.read() as reading:
                change = reading.change()
        self._looks.looked(change, now)
        return told

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        keep_looking(self.step, stop, LOOK_SECONDS, "looking for what to tell", _log)


def _tell(writing: Writing, events: list[Event]) -> int:
    for event in events:
        writing.add_event(event)
        writing.tell(event)
    return len(events)


def _turned(turns: Sequence[MachineTurn], revision: str, at: datetime) -> Iterator[Event]:
    worse = [each for each in turns if each.compliant is False and each.was_compliant is not False]
    yield from _events(worse, "NonCompliant", "is not compliant", revision, at)
    critical = [each for each in turns if each.risk == "critical" and each.was_risk != "critical"]
    yield from _events(critical, "CriticalRisk", "is at critical risk", revision, at)


def _events(
    turns: list[MachineTurn], reason: str, words: str, revision: str, at: datetime
) -> Iterator[Event]:
    if len(turns) > MANY:
        names = ", ".join(each.hostname for each in turns[:MANY])
        message = f"{len(turns)} machines: each {words}: {names} and {len(turns) - MANY} more"
        yield Event(at, "fleet", reason, revision, message)
        return
    for each in turns:
        yield Event(at, f"machine/{each.uuid}", reason, revision, f"{each.hostname} {words}")


def _due(reading: Reading, now: datetime) -> Iterator[tuple[str, str, Event | None]]:
    """What is to be said once about exceptions: object, word, and the event where it is news.

    Of several steps that have passed at once only the last is news.
    """
    in_force = reading.in_force()
    revision = in_force.revision or ""
    days = sorted({in_force.settings.exceptions.warn_days, *_STEPS} - {0}, reverse=True)
    for id_, managed in in_force.waivers.items():
        ends = managed.document.expires_at
        if ends is None or ends - timedelta(days=days[0]) > now:
            continue
        about, end = f"exception/{id_}", ends.isoformat()
        if ends <= now:
            message = f"has ended at {ends:%Y-%m-%d %H:%M}Z: {_what(managed.document)} count again"
            yield about, f"{end} ended", Event(now, about, "ExceptionExpired", revision, message)
            continue
        passed = [step for step in days if ends - timedelta(days=step) <= now]
        for step in passed:
            message = f"ends at {ends:%Y-%m-%d %H:%M}Z: {_what(managed.document)}"
            event = Event(now, about, "ExceptionExpiring", revision, message)
            yield about, f"{end} {step}", event if step == passed[-1] else None


def _what(waiver: Waiver) -> str:
    shown = ", ".join(waiver.checks[:5])
    more = len(waiver.checks) - 5
    return f"{shown} and {more} more" if more > 0 else shown
