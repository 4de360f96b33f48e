"""The fleet's score day by day if nothing is renewed: what runs out, and what that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from controller.fleet.everyone import everyone
from controller.fleet.provenance import GitPlace, git_place
from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.managed import Managed
from controller.model.posture import Posture
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment, Rulebook
from controller.scoring.verdict import Verdict, verdicts
from controller.scoring.waivers import starts_at
from controller.store.port.store import Reading

Day = date
"""A field named ``date`` hides the type of that name."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An exception that starts or ends on a day."""

    exception_id: str
    change: Literal["starts", "ends"]
    at: datetime
    check_ids: tuple[str, ...]
    agents_affected: int
    """Machines that its selector takes in."""
    reason: str
    git: GitPlace | None


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """The fleet at the end of a day (UTC)."""

    date: Day
    average_score: float | None
    compliant_percentage: float | None
    agents_changed: int
    """Machines whose overall score, risk or compliance is not what it was the day before."""
    newly_noncompliant: int
    turns: tuple[Turn, ...]
    """What starts or ends on that day, in order."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Today's state, and one point for each day with today first."""

    as_of: datetime
    average_score: float | None
    compliant_percentage: float | None
    agents: int
    points: tuple[ForecastDay, ...]


@dataclass(slots=True)
class _Step:
    """What one change of the active exceptions adds to the fleet's sums."""

    assessed: int = 0
    compliant: int = 0
    score_sum: int = 0
    changed: int = 0
    noncompliant: int = 0

    def add(self, verdict: Verdict, sign: int) -> None:
        if verdict.hundredths is not None:
            self.assessed += sign
            self.score_sum += sign * verdict.hundredths
        self.compliant += sign * (verdict.compliant is True)


@dataclass(slots=True)
class _Course:
    """The moments ahead, and the profiles that one kind of machine has in each."""

    moments: Sequence[Moment]
    named: frozenset[str]
    """Machines that an exception names; all others of a kind are alike."""
    kinds: dict[tuple[str, tuple[str, ...]], list[tuple[int, Profile]]] = field(
        default_factory=dict
    )

    def of(self, machine: Machine) -> list[tuple[int, Profile]]:
        """Index and profile of every moment in which the profile is another than before."""
        if machine.uuid in self.named:
            return self._profiles(machine)
        kind = (machine.os, machine.tags)
        found = self.kinds.get(kind)
        if found is None:
            found = self.kinds[kind] = self._profiles(machine)
        return found

    def _profiles(self, machine: Machine) -> list[tuple[int, Profile]]:
        found: list[tuple[int, Profile]] = []
        for index, moment in enumerate(self.moments):
            profile = moment.profile(machine.uuid, machine.os, machine.tags)
            if not found or found[-1][1] != profile:
                found.append((index, profile))
        return found


def forecast(reading: Reading, as_of: datetime, days: int) -> Forecast:
    """Score today's postures under the exceptions of each day ahead.

    Args:
        reading: One snapshot.
        as_of: Now.
        days: How many days to look ahead, from 1; today is the first point.
    """
    rulebook = reading.in_force().rulebook
    today = as_of.astimezone(UTC).date()
    ends = [_end_of(today + timedelta(days=number)) for number in range(days)]
    actives = [rulebook.timeline.active(as_of), *(rulebook.timeline.active(end) for end in ends)]
    moments, index = _distinct(rulebook, actives)
    steps = _steps(reading, rulebook, moments)
    return _told(reading, as_of, ends, index, steps)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)


def _distinct(
    rulebook: Rulebook, actives: Sequence[frozenset[str]]
) -> tuple[list[Moment], list[int]]:
    """A moment for each run of days with the same active exceptions; and for each day, which."""
    moments: list[Moment] = []
    index = []
    for active in actives:
        if not moments or moments[-1].active != active:
            moments.append(rulebook.moment(active))
        index.append(len(moments) - 1)
    return moments, index


def _steps(reading: Reading, rulebook: Rulebook, moments: Sequence[Moment]) -> list[_Step]:
    named = frozenset(u for each in rulebook.waivers.values() for u in each.document.agents)
    course = _Course(moments, named)
    steps = [_Step() for _ in moments]
    for machine, posture in everyone(reading):
        _walk(course.of(machine), posture, steps)
    return steps


def _walk(profiles: list[tuple[int, Profile]], posture: Posture, steps: list[_Step]) -> None:
    before: Verdict | None = None
    for index, profile in profiles:
        now = verdicts(profile, posture)[0]
        if before is not None and now != before:
            steps[index].add(before, -1)
            steps[index].changed += 1
            steps[index].noncompliant += now.compliant is False and before.compliant is not False
        if now != before:
            steps[index].add(now, 1)
        before = now


def _told(
    reading: Reading,
    as_of: datetime,
    ends: Sequence[datetime],
    index: list[int],
    steps: list[_Step],
) -> Forecast:
    total = _Step()
    live: tuple[float | None, float | None] = (None, None)
    shown = []
    for number, at in enumerate([as_of, *ends]):
        fresh = number == 0 or index[number] != index[number - 1]
        step = steps[index[number]] if fresh else _Step()
        total.assessed += step.assessed
        total.compliant += step.compliant
        total.score_sum += step.score_sum
        average = total.score_sum // total.assessed / 100 if total.assessed else None
        share = total.compliant * 10_000 // total.assessed / 100 if total.assessed else None
        if number == 0:
            live = (average, share)
            continue
        since = as_of if number == 1 else ends[number - 2]
        turns = _turns(reading, since, at)
        shown.append(ForecastDay(at.date(), average, share, step.changed, step.noncompliant, turns))
    agents = reading.fleet_totals(as_of).overall.agents
    return Forecast(as_of, live[0], live[1], agents, tuple(shown))


def _turns(reading: Reading, since: datetime, until: datetime) -> tuple[Turn, ...]:
    found: list[Turn] = []
    for _, waiver in sorted(reading.in_force().waivers.items()):
        start, end = starts_at(waiver), waiver.document.expires_at
        if since < start <= until and (end is None or start < end):
            found.append(_turn(reading, waiver, "starts", start))
        if end is not None and since < end <= until and start < end:
            found.append(_turn(reading, waiver, "ends", end))
    return tuple(sorted(found, key=lambda each: (each.at, each.exception_id)))


def _turn(
    reading: Reading, waiver: Managed[Waiver], change: Literal["starts", "ends"], at: datetime
) -> Turn:
    document = waiver.document
    agents = reading.matching_machines(document)
    return Turn(waiver.id, change, at, document.checks, agents, document.reason, git_place(waiver))
