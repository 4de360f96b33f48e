"""The fleet in numbers: totals, trend, what fails most. Sums are integers; shares round down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from controller.model.terms import SEVERITIES, Severity
from controller.scoring.waivers import state
from controller.store.port.configuration import InForce
from controller.store.port.fleet import FleetTotals, Totals, TrendPoint
from controller.store.port.store import Reading

Day = date
"""A field named ``date`` hides the type of that name."""


@dataclass(frozen=True, slots=True)
class RiskDistribution:
    """Machines by overall risk level."""

    critical: int
    high: int
    medium: int
    low: int
    unknown: int


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """Outcomes in force of one category's checks over all machines."""

    category: str
    passed: int
    failed: int
    pass_percentage: float | None


@dataclass(frozen=True, slots=True)
class ExceptionCounts:
    """Exceptions by state: ``active`` are all in force, ``expiring`` those of them near their end."""

    active: int
    expiring: int
    expired: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """The fleet now."""

    total_agents: int
    assessed_agents: int
    """Machines with a score."""
    compliant_agents: int
    non_compliant_agents: int
    compliant_percentage: float | None
    """Of assessed machines."""
    average_score: float | None
    stale_agents: int
    risk_distribution: RiskDistribution
    category_breakdown: tuple[CategoryShare, ...]
    exceptions: ExceptionCounts
    revision: str | None
    as_of: datetime
    """When the totals last changed."""


@dataclass(frozen=True, slots=True)
class TrendDay:
    """The last state of a day (UTC); of today, the state now."""

    date: Day
    average_score: float | None
    compliant_percentage: float | None
    agents: int


@dataclass(frozen=True, slots=True)
class Trend:
    """One point a day without gaps, oldest first."""

    points: tuple[TrendDay, ...]


@dataclass(frozen=True, slots=True)
class FailingCheck:
    """A check with the machines it fails on."""

    check_id: str
    title: str
    category: str
    severity: Severity
    failed_agents: int
    assessed_agents: int
    exempted_agents: int


@dataclass(frozen=True, slots=True)
class TopFailing:
    """Checks that fail on most machines, most first."""

    items: tuple[FailingCheck, ...]


def share(part: int, whole: int) -> float | None:
    """A percentage with two decimals, rounded down; none of nothing."""
    return part * 10_000 // whole / 100 if whole else None


def average(totals: Totals) -> float | None:
    """The mean score in percent, two decimals, rounded down; none without an assessed machine."""
    return totals.score_sum // totals.assessed / 100 if totals.assessed else None


def bare_average(totals: Totals) -> float | None:
    """The average score as it would be without exceptions; none while nobody is assessed."""
    if not totals.bare_assessed:
        return None
    return totals.bare_score_sum // totals.bare_assessed / 100


def statistics(reading: Reading, as_of: datetime) -> Statistics:
    """The fleet now."""
    totals, in_force = reading.fleet_totals(as_of), reading.in_force()
    overall = totals.overall
    return Statistics(
        total_agents=overall.agents,
        assessed_agents=overall.assessed,
        compliant_agents=overall.compliant,
        non_compliant_agents=overall.assessed - overall.compliant,
        compliant_percentage=share(overall.compliant, overall.assessed),
        average_score=average(overall),
        stale_agents=totals.stale,
        risk_distribution=RiskDistribution(
            critical=overall.risk.get("critical", 0),
            high=overall.risk.get("high", 0),
            medium=overall.risk.get("medium", 0),
            low=overall.risk.get("low", 0),
            unknown=overall.risk.get("unknown", 0),
        ),
        category_breakdown=_categories(totals, in_force),
        exceptions=exception_counts(in_force, as_of),
        revision=totals.revision,
        as_of=totals.as_of,
    )


def _categories(totals: FleetTotals, in_force: InForce) -> tuple[CategoryShare, ...]:
    passed: defaultdict[str, int] = defaultdict(int)
    failed: defaultdict[str, int] = defaultdict(int)
    for check_id, counts in totals.checks.items():
        if (counts.passed or counts.failed) and check_id in in_force.checks:
            category = in_force.checks[check_id].document.category
            passed[category] += counts.passed
            failed[category] += counts.failed
    return tuple(
        CategoryShare(
            name, passed[name], failed[name], share(passed[name], passed[name] + failed[name])
        )
        for name in sorted(passed)
    )


def exception_counts(in_force: InForce, as_of: datetime) -> ExceptionCounts:
    """How many exceptions are in force, near their end, and over."""
    warn_days, ended = in_force.settings.exceptions.warn_days, in_force.rulebook.ended
    states = [state(waiver, as_of, warn_days, ended) for waiver in in_force.waivers.values()]
    expiring = states.count("expiring")
    return ExceptionCounts(
        active=states.count("active") + expiring,
        expiring=expiring,
        expired=states.count("expired"),
    )


def trend(reading: Reading, as_of: datetime, days: int) -> Trend:
    """The last days, today included: one point a day from the first data on."""
    return Trend(
        tuple(
            TrendDay(day, average(totals), share(totals.compliant, totals.assessed), totals.agents)
            for day, totals in daily_totals(reading, as_of, days)
        )
    )


def daily_totals(reading: Reading, as_of: datetime, days: int) -> Sequence[tuple[Day, Totals]]:
    """The sums at the end of each of the last days, carried over days without a change; today's live."""
    today = as_of.astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    stored = reading.trend(first)
    if not stored or stored[0].day > first:
        # What was true before the window is carried into it.
        stored = [*[point for point in reading.trend(date.min) if point.day < first][-1:], *stored]
    live = reading.fleet_totals(as_of).overall
    return list(_carried(stored, first, today, live))


def _carried(
    stored: Sequence[TrendPoint], first: date, today: date, live: Totals
) -> Iterable[tuple[Day, Totals]]:
    points = {point.day: point.totals for point in stored if point.day < today}
    if live.agents or any(point.day == today for point in stored):
        points[today] = live
    if not points:
        return
    start = min(points)
    current = points[start]
    day = max(start, first)
    while day <= today:
        current = live if day == today else points.get(day, current)
        yield day, current
        day += timedelta(days=1)


def top_failing(reading: Reading, as_of: datetime, limit: int) -> TopFailing:
    """By machines it fails on, then severity, then id."""
    totals, in_force = reading.fleet_totals(as_of), reading.in_force()
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    failing = [
        (counts, in_force.checks[check_id].document)
        for check_id, counts in totals.checks.items()
        if counts.failed and check_id in in_force.checks
    ]
    failing.sort(key=lambda found: (-found[0].failed, rank[found[1].severity], found[1].id))
    return TopFailing(
        tuple(
            FailingCheck(
                check_id=check.id,
                title=check.title,
                category=check.category,
                severity=check.severity,
                failed_agents=counts.failed,
                assessed_agents=counts.passed + counts.failed + counts.errored,
                exempted_agents=counts.exempted,
            )
            for counts, check in failing[:limit]
        )
    )
