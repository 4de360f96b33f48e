"""What a change does to the fleet: stored postures scored under what is and what would be in force.

Both sides are judged as of the same instant by the function that also fills the store, so merging
what was planned gives the scores that were shown (a property test holds that, machine by machine).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from controller.model.machine import Machine
from controller.model.posture import Posture, positions
from controller.reconcile.gauges import Gauges, Weakening
from controller.reconcile.policy_gauges import Meter
from controller.reconcile.projection import Projection
from controller.reconcile.translation import Translation
from controller.scoring.carry import carry_over, concerned
from controller.scoring.coverage import Covered, Reviewed
from controller.scoring.ledger import column_sums
from controller.scoring.profile import Profile
from controller.scoring.verdict import Sums, Verdict, verdicts
from controller.store.port.store import Reading

_CHUNK: Final = 2000


class Mover(NamedTuple):
    """A machine whose overall score, risk or compliance changes."""

    uuid: str
    hostname: str
    before: Verdict
    after: Verdict

    @property
    def rank(self) -> tuple[int, bool, str, str]:
        """Largest movement first, then who falls out of compliance, then by name."""
        was, now = self.before.hundredths, self.after.hundredths
        # A score that appears or goes is more than any that moves.
        moved = 10_001 if (was is None) != (now is None) else abs((was or 0) - (now or 0))
        return (-moved, self.after.compliant is not False, self.hostname, self.uuid)


@dataclass(slots=True)
class Flips:
    """How many machines change, and which way."""

    changed: int = 0
    noncompliant: int = 0
    compliant: int = 0
    unassessed: int = 0
    """Those that had a score and lose it."""

    def add(self, was: Verdict, now: Verdict) -> None:
        """Let a machine's verdicts enter."""
        self.changed += was != now
        self.noncompliant += now.compliant is False and was.compliant is not False
        self.compliant += now.compliant is True and was.compliant is not True
        self.unassessed += was.hundredths is not None and now.hundredths is None


@dataclass(slots=True)
class Exempted:
    """Machine and check pairs that become or stop being exempted under at least one policy."""

    pairs: int = 0
    failing: int = 0
    """Those whose check fails now."""


@dataclass(slots=True)
class Impact:
    """The answer."""

    as_of: datetime
    before: Sums = field(default_factory=Sums)
    after: Sums = field(default_factory=Sums)
    flips: Flips = field(default_factory=Flips)
    movers: list[Mover] = field(default_factory=list)
    policies_before: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    policies_after: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    policy_flips: defaultdict[str, Flips] = field(default_factory=lambda: defaultdict(Flips))
    newly_exempted: Exempted = field(default_factory=Exempted)
    no_longer_exempted: Exempted = field(default_factory=Exempted)
    complete: int = 0
    """Machines whose new score can be said without a new report."""
    needs_report: tuple[str, ...] = ()
    failing: dict[str, int] = field(default_factory=dict)
    """By id of a changed check: machines on which it fails now."""
    waivers: dict[str, Covered] = field(default_factory=dict)
    ended: dict[str, Covered] = field(default_factory=dict)
    """Exceptions that the change deletes or changes, as they are."""
    weakenings: dict[Weakening, dict[str, Any]] = field(default_factory=dict)
    """How much each weighs, where the fleet can tell."""
    severities_left_out: int = 0
    """Lowered severities of checks that were not weighed alone."""
    ends_left_out: int = 0
    """Exceptions whose end was not looked at."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """What two profiles mean for each other; shared by all machines that have both."""

    same: bool
    past: tuple[Sums, ...]
    """Where the verdicts before go, overall first."""
    future: tuple[Sums, ...]
    flips: tuple[tuple[int, int, Flips], ...]
    """Places of one policy's verdicts before and after, and where they are compared."""
    newly: int
    """Exempted after and not before, at positions of after."""
    freed: int
    awaited: int
    """Counted after and not before: to be reported first, unless it was."""
    meters: tuple[Meter, ...]


class _Measuring:
    def __init__(
        self,
        impact: Impact,
        before: Projection,
        after: Projection,
        changed: frozenset[str],
        weakenings: Iterable[Weakening],
    ) -> None:
        as_of = impact.as_of
        self._impact = impact
        self.now = before.rulebook.at(as_of)
        self.then = after.rulebook.at(as_of)
        self.before, self.after = before, after
        self._pairs: dict[tuple[int, int], _Pair] = {}
        old = before.rulebook.positions
        self._translation = Translation(before.rulebook, after.rulebook)
        self.gauges = Gauges(weakenings, before.rulebook, after.rulebook, self._translation, as_of)
        self.changed_bits = sum(1 << old[id_] for id_ in changed if id_ in before.rulebook.checks)

    def pair(self, old: Profile, new: Profile) -> _Pair:
        key = id(old), id(new)  # both live as long as their moments, which live as long as this
        found = self._pairs.get(key)
        if found is None:
            was, now = self._translation.forward(_exempted(old)), _exempted(new)
            awaited = new.overall.counted & ~old.overall.counted
            impact, places = self._impact, {id_: n for n, id_ in enumerate(old.policies, 1)}
            found = self._pairs[key] = _Pair(
                same=old == new,
                past=(impact.before, *(impact.policies_before[id_] for id_ in old.policies)),
                future=(impact.after, *(impact.policies_after[id_] for id_ in new.policies)),
                flips=(
                    (0, 0, impact.flips),
                    *(
                        (places[id_], place, impact.policy_flips[id_])
                        for place, id_ in enumerate(new.policies, 1)
                        if id_ in places
                    ),
                ),
                newly=now & ~was,
                freed=was & ~now,
                awaited=awaited,
                meters=self.gauges.bind(old, new),
            )
        return found


def _exempted(profile: Profile) -> int:
    bits = 0
    for target in profile.targets:
        bits |= target.exempted & ~target.not_applicable
    return bits


def measure(
    reading: Reading,
    before: Projection,
    after: Projection,
    *,
    as_of: datetime,
    movers: int | None = None,
    changed_checks: frozenset[str] = frozenset(),
    reviewed: frozenset[str] = frozenset(),
    ended: frozenset[str] = frozenset(),
    weakenings: Iterable[Weakening] = (),
) -> Impact:
    """Score every machine under both configurations.

    Args:
        reading: One snapshot; nobody's reports move under it.
        before: What is in force.
        after: What would be.
        as_of: The instant of both.
        movers: How many machines to name, largest movement first; none names all.
        changed_checks: Whose failing machines are counted.
        reviewed: Exceptions of ``after`` to look at closely.
        ended: Exceptions of ``before`` to look at closely.
        weakenings: What to weigh alone.
    """
    impact = Impact(as_of)
    work = _Measuring(impact, before, after, changed_checks, weakenings)
    closely = Reviewed(after.rulebook, sorted(reviewed), as_of)
    gone = Reviewed(before.rulebook, sorted(ended), as_of, ends=False)
    largest: list[Mover] = []
    awaited, failed = 0, []
    for machine, was in _machines(reading):
        old = work.now.profile(machine.uuid, machine.os, machine.tags)
        new = work.then.profile(machine.uuid, machine.os, machine.tags)
        now = _carried(reading, machine, was, after)
        pair = work.pair(old, new)
        past = verdicts(old, was)
        future = past if pair.same and now is was else verdicts(new, now)
        _account(pair, past, future)
        missing = pair.awaited & ~now.reported
        awaited |= missing
        impact.complete += not missing
        _exempt(impact, pair, now, was)
        if past[0] != future[0]:
            largest.append(Mover(machine.uuid, machine.hostname, past[0], future[0]))
        if found := was.failed & work.changed_bits & old.overall.counted:
            failed.append(found)
        for meter in pair.meters:
            meter(was, now)
        closely.add(machine, new, now, past[0], future[0])
        gone.add(machine, old, was, past[0], future[0])
    impact.movers = _largest(largest, movers)
    impact.needs_report = _ids(after, awaited)
    at = {position: id_ for id_, position in before.rulebook.positions.items()}
    impact.failing = {at[position]: count for position, count in column_sums(failed).items()}
    impact.waivers, impact.ended = closely.finish(), gone.finish()
    impact.weakenings = work.gauges.told(impact.ended, impact.waivers)
    impact.severities_left_out = work.gauges.left_out
    impact.ends_left_out = closely.ends_left_out
    return impact


def _machines(reading: Reading) -> Iterator[tuple[Machine, Posture]]:
    after = 0
    while chunk := reading.every_machine(after, _CHUNK):
        yield from chunk
        after = chunk[-1][0].number


def _carried(reading: Reading, machine: Machine, posture: Posture, after: Projection) -> Posture:
    told = concerned(posture, after.carry) if after.carry else []
    if not told:
        return posture
    evidence = reading.evidence(machine.uuid)
    return carry_over(posture, told, after.rulebook.checks, evidence)[0]


def _account(pair: _Pair, past: tuple[Verdict, ...], future: tuple[Verdict, ...]) -> None:
    for sums, verdict in zip(pair.past, past, strict=True):
        sums.add(verdict)
    for sums, verdict in zip(pair.future, future, strict=True):
        sums.add(verdict)
    if past is not future:
        for old, new, flips in pair.flips:
            if past[old] != future[new]:
                flips.add(past[old], future[new])


def _exempt(impact: Impact, pair: _Pair, now: Posture, was: Posture) -> None:
    if pair.newly:
        impact.newly_exempted.pairs += pair.newly.bit_count()
        impact.newly_exempted.failing += (pair.newly & (now.failed | was.failed)).bit_count()
    if pair.freed:
        impact.no_longer_exempted.pairs += pair.freed.bit_count()
        impact.no_longer_exempted.failing += (pair.freed & (now.failed | was.failed)).bit_count()


def _largest(found: list[Mover], movers: int | None) -> list[Mover]:
    if movers is None:
        return sorted(found, key=lambda each: each.rank)
    return heapq.nsmallest(movers, found, key=lambda each: each.rank)


def _ids(after: Projection, bits: int) -> tuple[str, ...]:
    at = {after.rulebook.positions[id_]: id_ for id_ in after.rulebook.checks}
    return tuple(sorted(at[position] for position in positions(bits)))
