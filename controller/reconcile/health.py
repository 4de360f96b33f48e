"""Whether what is in force does its work on the machines: the ``Healthy`` condition of a source.

``Ready`` says that a revision was applied; it is true of one whose every query fails. This looks
at what followed: are the scores of this revision, do machines report under it, does each check run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.model.conditions import ConditionStatus
from controller.model.source import SourceStatus
from controller.reconcile.summarize import Told, with_conditions
from controller.store.looking import Looks, keep_looking
from controller.store.port.fleet import CheckTotals
from controller.store.port.sources import Event
from controller.store.port.store import Reading, Store

LOOK_SECONDS: Final = 2.0
_NAMED: Final = 5
"""Checks that a message names."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Effect:
    """What is known of a revision's effect on the machines."""

    revision: str
    machines: int
    overdue: int
    """Machines whose newest evaluation is older than their policies allow."""
    rescoring: bool
    reported: bool
    """Whether any machine has reported since it came into force."""
    checks: Mapping[str, CheckTotals]
    """Of the checks that the source's policies select: what machines have answered."""


def judge(effect: Effect) -> Told:
    """The condition's status, reason and message, worst first. Pure.

    Nothing in the message counts what every report moves: a condition is stored when it changes.
    """
    if not effect.machines:
        return "Unknown", "NoMachines", "no machine is enrolled that could show it"
    if effect.overdue * 2 > effect.machines:
        return "False", "MachinesSilent", "more than half of the machines are overdue with reports"
    if broken := sorted(id_ for id_, each in effect.checks.items() if _errs_everywhere(each)):
        named = ", ".join(broken[:_NAMED])
        more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        return "False", "ChecksErroring", f"no machine can evaluate: {named}{more}"
    if effect.rescoring:
        return "Unknown", "Rescoring", f"scores are being brought to {effect.revision}"
    if not effect.reported:
        return "Unknown", "AwaitingReports", f"no machine has reported under {effect.revision} yet"
    return "True", "Evaluated", f"machines report under {effect.revision}, and every check runs"


def _errs_everywhere(totals: CheckTotals) -> bool:
    return totals.errored > 0 and not (totals.passed or totals.failed or totals.exempted)


class HealthWatch:
    """Keeps the condition of every source up to date. One thread; ``step`` is one look."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Make one.

        Args:
            store: What is looked at, and where conditions are kept.
            clock: Now, aware, UTC.
        """
        self._store = store
        self._clock = clock
        self._looks = Looks()

    def step(self) -> int:
        """Look once; how many sources' conditions changed."""
        now = self._clock()
        with self._store.read() as reading:
            change = reading.change()
            if not self._looks.due(change, now):
                return 0
            found = [
                (status, told)
                for status in reading.sources()
                if (told := _told(reading, status, now)) and _differs(status, told)
            ]
        for status, told in found:
            self._keep(status, told, now)
        self._looks.looked(change, now)
        return len(found)

    def _keep(self, seen: SourceStatus, told: Told, now: datetime) -> None:
        with self._store.write() as writing:
            status = writing.source(seen.name)
            if status is None or status.last_applied_revision != seen.last_applied_revision:
                return  # the next look sees what came between
            writing.save_source(with_conditions(status, now, {"Healthy": told}))
            was = seen.condition("Healthy")
            if turned(was.status if was else "Unknown", told[0]):
                about, revision = f"source/{status.name}", status.last_applied_revision or ""
                event = Event(now, about, told[1], revision, told[2])
                writing.add_event(event)
                writing.tell(event, status.name)

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        keep_looking(self.step, stop, LOOK_SECONDS, "looking at the health of sources", _log)


def turned(before: ConditionStatus, after: ConditionStatus) -> bool:
    """Whether it is news: it has become bad, or is no longer."""
    return before != after and "False" in {before, after} and after != "Unknown"


def _differs(status: SourceStatus, told: Told) -> bool:
    known = status.condition("Healthy")
    return known is None or (known.status, known.reason, known.message) != told


def _told(reading: Reading, status: SourceStatus, now: datetime) -> Told | None:
    """What is to be said of a source; none before anything of it is in force."""
    if status.last_applied_revision is None or status.last_applied_at is None:
        return None
    totals = reading.fleet_totals(now)
    selected = _selected(reading, status.name)
    return judge(
        Effect(
            revision=status.last_applied_revision,
            machines=totals.overall.agents,
            overdue=totals.stale,
            rescoring=reading.unfinished(),
            reported=reading.reported_since(status.last_applied_at, 1) != 0,
            checks={id_: totals.checks[id_] for id_ in selected if id_ in totals.checks},
        )
    )


def _selected(reading: Reading, source: str) -> Sequence[str]:
    """Checks that the policies of a source select."""
    rulebook = reading.in_force().rulebook
    return sorted(
        {
            check_id
            for id_, policy in rulebook.policies.items()
            if policy.manager == f"git:{source}"
            for check_id in rulebook.selected[id_]
        }
    )
