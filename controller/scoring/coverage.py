"""Whom an exception under review covers, and what it hides there. Pure.

A machine is covered by an exception when the selector takes it in, and a policy that applies to it
selects one of the named checks on its platform.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.managed import Managed
from controller.model.posture import Posture, positions
from controller.scoring.ledger import column_sums
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Rulebook
from controller.scoring.verdict import Verdict, overall
from controller.scoring.waivers import starts_at

SHOWN: Final = 10
"""How many covered machines are named."""
MOST_ENDS: Final = 30
"""How many different instants, the next ones first, the fleet is scored at: each costs a scoring."""
MOST_OWN_ENDS: Final = 400
"""The same for exceptions that name their machines, which are few."""
_BATCH: Final = 4096
_OUTCOMES: Final = ("passed", "failed", "error", "pending")


@dataclass(slots=True)
class Hidden:
    """Results of one check on the machines that an exception covers, whatever is exempted."""

    passed: int = 0
    failed: int = 0
    error: int = 0
    pending: int = 0


@dataclass(slots=True)
class Mean:
    """A running mean of scores in hundredths."""

    total: int = 0
    count: int = 0

    def add(self, hundredths: int | None) -> None:
        """Let one score enter; machines without one are left out."""
        if hundredths is not None:
            self.total += hundredths
            self.count += 1

    def join(self, other: Mean) -> None:
        """Let all scores of another enter."""
        self.total += other.total
        self.count += other.count

    @property
    def percent(self) -> float | None:
        """Rounded down; none of nothing."""
        return self.total // self.count / 100 if self.count else None


@dataclass(slots=True)
class Covered:
    """What one exception does to the fleet."""

    waiver: Managed[Waiver]
    agents: int = 0
    named: list[tuple[int, str]] = field(default_factory=list)
    """Number and name of the first machines, in no order before the end."""
    pairs: int = 0
    """Covered machine and check pairs."""
    checks: dict[str, Hidden] = field(default_factory=dict)
    before: Mean = field(default_factory=Mean)
    """Overall scores of the covered machines before the change."""
    after: Mean = field(default_factory=Mean)
    at_end: Mean = field(default_factory=Mean)
    """Of the same machines at the instant when the exception ends, if nothing else changes."""

    @property
    def failing(self) -> int:
        """Those of the pairs that fail now."""
        return sum(each.failed for each in self.checks.values())

    @property
    def hostnames(self) -> list[str]:
        """The first machines that are covered."""
        return [name for _, name in sorted(self.named)[:SHOWN]]

    @property
    def life(self) -> timedelta | None:
        """From its start to its end; none when it never ends."""
        expires = self.waiver.document.expires_at
        return None if expires is None else expires - starts_at(self.waiver)


class _Group:
    """Machines that the same exceptions cover in the same way: gathered once for all of these."""

    def __init__(self, masks: Sequence[tuple[str, int]], ends: Sequence[datetime]) -> None:
        self._masks = masks
        self._all = 0
        for _, mask in masks:
            self._all |= mask
        self._agents = 0
        self._named: list[tuple[int, str]] = []
        self._before, self._after = Mean(), Mean()
        self.ends = {end: Mean() for end in ends}
        self._rows: tuple[list[int], ...] = ([], [], [], [])
        self._counts = [defaultdict[int, int](int) for _ in _OUTCOMES]

    def add(self, machine: Machine, posture: Posture, was: Verdict, now: Verdict) -> None:
        mask = self._all
        self._agents += 1
        if len(self._named) < SHOWN:
            self._named.append((machine.number, machine.hostname))
        passed, failed, errored, pending = self._rows
        passed.append(posture.passed & mask)
        failed.append(posture.failed & mask)
        errored.append(posture.errored & mask)
        pending.append(mask & ~posture.reported)
        self._before.add(was.hundredths)
        self._after.add(now.hundredths)
        if len(passed) >= _BATCH:
            self._count()

    def _count(self) -> None:
        """Turn what was gathered into counts a position, so that memory stays bounded."""
        for rows, counts in zip(self._rows, self._counts, strict=True):
            for position, number in column_sums(rows).items():
                counts[position] += number
            rows.clear()

    def tell(self, covered: Mapping[str, Covered], check_at: Mapping[int, str]) -> None:
        """Give every exception its share."""
        self._count()
        for id_, mask in self._masks:
            told = covered[id_]
            told.agents += self._agents
            told.named += self._named
            told.pairs += self._agents * mask.bit_count()
            told.before.join(self._before)
            told.after.join(self._after)
            end = told.waiver.document.expires_at
            if end is not None and end in self.ends:
                told.at_end.join(self.ends[end])
            for position in positions(mask):
                hidden = told.checks.setdefault(check_at[position], Hidden())
                for name, counts in zip(_OUTCOMES, self._counts, strict=True):
                    setattr(hidden, name, getattr(hidden, name) + counts[position])


class Reviewed:
    """Some exceptions of a rulebook, laid over machines."""

    def __init__(
        self, rulebook: Rulebook, ids: Iterable[str], as_of: datetime, *, ends: bool = True
    ) -> None:
        """Prepare.

        Args:
            rulebook: The configuration that has them.
            ids: Which exceptions.
            as_of: Now.
            ends: Whether to score the covered machines on the day each exception ends.
        """
        self._rulebook = rulebook
        self.covered = {id_: Covered(rulebook.waivers[id_]) for id_ in ids}
        self._check_at = {position: id_ for id_, position in rulebook.positions.items()}
        self._by_agent: dict[str, list[str]] = {}
        self._by_tag: dict[str, list[str]] = {}
        self._everywhere: list[str] = []
        self._groups: dict[tuple[object, ...], _Group | None] = {}
        soon: dict[bool, set[datetime]] = {True: set(), False: set()}
        for id_, covered in self.covered.items():
            document = covered.waiver.document
            if document.scope == "agent":
                for uuid in document.agents:
                    self._by_agent.setdefault(uuid, []).append(id_)
            elif document.scope == "tag" and document.tag is not None:
                self._by_tag.setdefault(document.tag, []).append(id_)
            else:
                self._everywhere.append(id_)
            if ends and document.expires_at is not None and document.expires_at > as_of:
                soon[document.scope == "agent"].add(document.expires_at)
        wanted = {*sorted(soon[False])[:MOST_ENDS], *sorted(soon[True])[:MOST_OWN_ENDS]}
        self._ends = {each: rulebook.at(each) for each in sorted(wanted)}
        self.ends_left_out = sum(
            each.waiver.document.expires_at in (soon[True] | soon[False]) - wanted
            for each in self.covered.values()
        )

    def add(
        self, machine: Machine, profile: Profile, posture: Posture, was: Verdict, now: Verdict
    ) -> None:
        """Let a machine enter, with its overall verdicts before and after the change."""
        if not self.covered:
            return
        kind = (machine.os, machine.tags)
        self._enter(kind, self._wide, machine, profile, posture, was, now)
        if own := self._by_agent.get(machine.uuid):
            key = (*kind, tuple(own))
            self._enter(key, lambda _: own, machine, profile, posture, was, now)

    def _wide(self, machine: Machine) -> list[str]:
        tagged = [id_ for tag in machine.tags for id_ in self._by_tag.get(tag, ())]
        return [*self._everywhere, *tagged]

    def _enter(
        self,
        key: tuple[object, ...],
        ids: Callable[[Machine], list[str]],
        machine: Machine,
        profile: Profile,
        posture: Posture,
        was: Verdict,
        now: Verdict,
    ) -> None:
        if key not in self._groups:
            self._groups[key] = self._group(machine, profile, ids(machine))
        if (group := self._groups[key]) is None:
            return
        group.add(machine, posture, was, now)
        for end, mean in group.ends.items():
            at_end = self._ends[end].profile(machine.uuid, machine.os, machine.tags)
            mean.add(overall(at_end, posture))

    def _group(self, machine: Machine, profile: Profile, ids: list[str]) -> _Group | None:
        found, fits = [], self._rulebook.fits[machine.os]
        for id_ in ids:
            document = self.covered[id_].waiver.document
            bits = 0
            for policy_id, target in zip(profile.policies, profile.bare_targets, strict=True):
                if document.scope != "policy" or document.policy_id == policy_id:
                    bits |= target.counted
            named = 0
            for check_id in document.checks:
                if (position := self._rulebook.positions.get(check_id)) is not None:
                    named |= 1 << position
            if mask := bits & named & fits:
                found.append((id_, mask))
        ends = {self.covered[id_].waiver.document.expires_at for id_, _ in found}
        return _Group(found, [each for each in self._ends if each in ends]) if found else None

    def finish(self) -> dict[str, Covered]:
        """Everything, counted."""
        for group in self._groups.values():
            if group is not None:
                group.tell(self.covered, self._check_at)
        self._groups.clear()
        return self.covered
