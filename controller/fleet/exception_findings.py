"""Exceptions that ask for another look: near their end, needed by nobody, doubled, too broad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from controller.fleet.everyone import everyone
from controller.fleet.objects import exception_state
from controller.fleet.provenance import GitPlace, git_place
from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.managed import Managed, ManagedBy
from controller.model.terms import Scope, WaiverState
from controller.scoring.coverage import Covered, Reviewed
from controller.scoring.rulebook import Moment
from controller.scoring.verdict import verdicts
from controller.store.port.store import Reading

Finding = Literal["expiring", "unused", "redundant", "too_broad"]
FINDINGS: Final[tuple[Finding, ...]] = ("expiring", "unused", "redundant", "too_broad")
BROAD_FROM: Final = 10
"""Machine and check pairs; below that nothing is called too broad."""
BROAD_PERCENT: Final = 20
"""Too broad: fewer than this share of the pairs it covers fail."""


@dataclass(frozen=True, slots=True)
class ExceptionFinding:
    """An exception in force, and what there is to say about it."""

    id: str
    state: WaiverState
    scope: Scope
    check_ids: tuple[str, ...]
    reason: str
    owner: str | None
    expires_at: datetime | None
    agents: int
    """Machines on which it exempts something."""
    pairs: int
    """Machine and check pairs that it exempts."""
    failing: int
    """Those of the pairs that fail now."""
    findings: tuple[Finding, ...]
    covered_by: tuple[str, ...]
    """When redundant: the exceptions, at least as long in force, that exempt the same."""
    managed_by: ManagedBy
    git: GitPlace | None


@dataclass(frozen=True, slots=True)
class ExceptionFindings:
    """Every exception in force, by id."""

    as_of: datetime
    items: tuple[ExceptionFinding, ...]


def exception_findings(reading: Reading, as_of: datetime, expiring_days: int) -> ExceptionFindings:
    """Lay the exceptions in force over every machine.

    Args:
        reading: One snapshot.
        as_of: Now.
        expiring_days: How near an end must be to be ``expiring``.
    """
    in_force = reading.in_force()
    moment = in_force.rulebook.at(as_of)
    reviewed = Reviewed(in_force.rulebook, sorted(moment.active), as_of, ends=False)
    overlaps = _Overlaps(moment)
    for machine, posture in everyone(reading):
        profile = moment.profile(machine.uuid, machine.os, machine.tags)
        overall = verdicts(profile, posture)[0]
        reviewed.add(machine, profile, posture, overall, overall)
        overlaps.add(machine)
    until = as_of + timedelta(days=expiring_days)
    items = []
    for id_, covered in reviewed.finish().items():
        waiver = in_force.waivers[id_]
        by = overlaps.covered_by(id_)
        found = tuple(_findings(covered, waiver.document, until, by))
        state = exception_state(in_force, waiver, as_of)
        items.append(_item(waiver, covered, state, found, by))
    return ExceptionFindings(as_of, tuple(items))


def _findings(
    covered: Covered, waiver: Waiver, until: datetime, by: tuple[str, ...]
) -> Iterator[Finding]:
    if waiver.expires_at is not None and waiver.expires_at <= until:
        yield "expiring"
    wrong = sum(each.failed + each.error for each in covered.checks.values())
    unknown = sum(each.pending for each in covered.checks.values())
    # What has not been reported may fail: only what is known to be fine makes it unneeded.
    if not wrong and not unknown:
        yield "unused"
    if by:
        yield "redundant"
    few = 100 * covered.failing < BROAD_PERCENT * covered.pairs
    if wrong and waiver.scope != "agent" and covered.pairs >= BROAD_FROM and few:
        yield "too_broad"


def _item(
    waiver: Managed[Waiver],
    covered: Covered,
    state: WaiverState,
    found: tuple[Finding, ...],
    by: tuple[str, ...],
) -> ExceptionFinding:
    document = waiver.document
    return ExceptionFinding(
        id=waiver.id,
        state=state,
        scope=document.scope,
        check_ids=document.checks,
        reason=document.reason,
        owner=document.owner,
        expires_at=document.expires_at,
        agents=covered.agents,
        pairs=covered.pairs,
        failing=covered.failing,
        findings=found,
        covered_by=by,
        managed_by=waiver.managed_by,
        git=git_place(waiver),
    )


class _Overlaps:
    """Which exceptions exempt nothing that others, at least as long in force, do not exempt too.

    Reach is counted per policy: an exception for one policy covers nothing under another.
    """

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._rulebook = moment.rulebook
        self._alone: set[str] = set()
        self._by: dict[str, set[str]] = {}
        self._seen: set[tuple[object, ...]] = set()

    def add(self, machine: Machine) -> None:
        """Let a machine enter; of machines that are alike the first is enough."""
        ids = self._moment.waivers_for(machine.uuid, machine.tags)
        kind = (machine.os, machine.tags, ids)
        if kind in self._seen:
            return
        self._seen.add(kind)
        policies = self._rulebook.matching(machine.os, machine.tags)
        reach = {id_: self._reach(id_, machine, policies) for id_ in ids}
        for id_, mine in reach.items():
            if not mine:
                continue
            longer = {o: theirs & mine for o, theirs in reach.items() if self._outlasts(o, id_)}
            shared = 0
            for theirs in longer.values():
                shared |= theirs
            if mine & ~shared:
                self._alone.add(id_)
            else:
                self._by.setdefault(id_, set()).update(o for o, bits in longer.items() if bits)

    def _reach(self, id_: str, machine: Machine, policies: tuple[str, ...]) -> int:
        width = max(self._rulebook.positions.values(), default=0) + 1
        bits = 0
        for number, policy_id in enumerate(policies):
            target = self._rulebook.target(policy_id, machine.os, 0)
            bits |= (self._rulebook.waived((id_,), policy_id) & target.counted) << number * width
        return bits

    def _outlasts(self, other: str, id_: str) -> bool:
        """Whether one is in force at least as long as another; of twins the first id stays."""
        if other == id_:
            return False
        ends = [self._rulebook.waivers[each].document.expires_at for each in (other, id_)]
        if ends[0] == ends[1]:
            return other < id_
        return ends[0] is None or (ends[1] is not None and ends[0] > ends[1])

    def covered_by(self, id_: str) -> tuple[str, ...]:
        """The others, when there is no machine on which it is needed; else nothing."""
        return () if id_ in self._alone else tuple(sorted(self._by.get(id_, ())))
