"""Whom an exception under review covers, and what it hides there. Pure.

A machine is covered by an exception when the selector takes it in, and a policy that applies to it
selects one of the named checks on its platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.managed import Managed
from controller.model.posture import Posture
from controller.scoring.ledger import column_sums
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment, Rulebook
from controller.scoring.verdict import Verdict, overall
from controller.scoring.waivers import starts_at

SHOWN: Final = 10
"""How many covered machines are named."""
_BATCH: Final = 4096


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

    @property
    def percent(self) -> float | None:
        """Rounded down; none of nothing."""
        return self.total // self.count / 100 if self.count else None


@dataclass(slots=True)
class Covered:
    """What one exception does to the fleet."""

    waiver: Managed[Waiver]
    agents: int = 0
    hostnames: list[str] = field(default_factory=list)
    pairs: int = 0
    """Covered machine and check pairs."""
    failing: int = 0
    """Those of the pairs that fail now."""
    checks: dict[str, Hidden] = field(default_factory=dict)
    before: Mean = field(default_factory=Mean)
    """Overall scores of the covered machines before the change."""
    after: Mean = field(default_factory=Mean)
    at_end: Mean = field(default_factory=Mean)
    """Of the same machines at the instant when the exception ends, if nothing else changes."""
    _rows: list[tuple[int, int, int, int]] = field(default_factory=list)

    def add(self, machine: Machine, posture: Posture, mask: int) -> None:
        """Let a covered machine enter."""
        self.agents += 1
        if len(self.hostnames) < SHOWN:
            self.hostnames.append(machine.hostname)
        failed = posture.failed & mask
        self.pairs += mask.bit_count()
        self.failing += failed.bit_count()
        pending = mask & ~posture.reported
        self._rows.append((posture.passed & mask, failed, posture.errored & mask, pending))

    def count(self, check_at: Mapping[int, str]) -> None:
        """Turn what was gathered into counts a check."""
        for column, name in enumerate(("passed", "failed", "error", "pending")):
            for position, number in column_sums([row[column] for row in self._rows]).items():
                hidden = self.checks.setdefault(check_at[position], Hidden())
                setattr(hidden, name, getattr(hidden, name) + number)
        self._rows.clear()

    @property
    def full(self) -> bool:
        """Whether ``count`` should be called, so that memory stays bounded."""
        return len(self._rows) >= _BATCH

    @property
    def life(self) -> timedelta | None:
        """From its start to its end; none when it never ends."""
        expires = self.waiver.document.expires_at
        return None if expires is None else expires - starts_at(self.waiver)


class Reviewed:
    """Some exceptions of a rulebook, laid over machines one by one."""

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
        self._wide: list[str] = []
        self._kinds: dict[tuple[object, ...], tuple[tuple[str, int], ...]] = {}
        self._ends: dict[str, Moment] = {}
        for id_, covered in self.covered.items():
            document = covered.waiver.document
            if document.scope == "agent":
                for uuid in document.agents:
                    self._by_agent.setdefault(uuid, []).append(id_)
            else:
                self._wide.append(id_)
            if ends and document.expires_at is not None and document.expires_at > as_of:
                self._ends[id_] = rulebook.at(document.expires_at)

    def add(
        self, machine: Machine, profile: Profile, posture: Posture, was: Verdict, now: Verdict
    ) -> None:
        """Let a machine enter, with its overall verdicts before and after the change."""
        own = self._by_agent.get(machine.uuid)
        if not self._wide and not own:
            return
        kind = (machine.os, machine.tags, tuple(own or ()))
        masks = self._kinds.get(kind)
        if masks is None:
            masks = self._kinds[kind] = self._masks(machine, profile, own or [])
        for id_, mask in masks:
            covered = self.covered[id_]
            covered.add(machine, posture, mask)
            if covered.full:
                covered.count(self._check_at)
            covered.before.add(was.hundredths)
            covered.after.add(now.hundredths)
            if (moment := self._ends.get(id_)) is not None:
                at_end = moment.profile(machine.uuid, machine.os, machine.tags)
                covered.at_end.add(overall(at_end, posture))

    def _masks(
        self, machine: Machine, profile: Profile, own: list[str]
    ) -> tuple[tuple[str, int], ...]:
        found = []
        tags = frozenset(machine.tags)
        fits = self._rulebook.fits[machine.os]
        for id_ in (*self._wide, *own):
            document = self.covered[id_].waiver.document
            if document.scope == "tag" and document.tag not in tags:
                continue
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
        return tuple(found)

    def finish(self) -> dict[str, Covered]:
        """Everything, counted."""
        for covered in self.covered.values():
            covered.count(self._check_at)
        return self.covered
