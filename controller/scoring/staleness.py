"""When a policy's evaluations are due, and when a machine's answers have become old. Pure.

Continuous policies are spread over their interval by a stable hash of machine and policy, so that a
fleet does not report in one second. Rules: docs/reference/scoring.md (time).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

from controller.model.documents import Policy

_LEAST_STALE = timedelta(hours=24)
_MISSED_INTERVALS = 3
_MISSED_FIRINGS = 2
_FIRING_DAYS = 366
_RARE = timedelta(days=8 * 366)


@lru_cache(maxsize=4096)
def firings(schedule: str, timezone: str, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next firings of a cron expression strictly after an instant, in UTC.

    Fewer than ``count`` when the expression never fires again (30 February).
    """
    zone = ZoneInfo(timezone)
    found = islice(CronSim(schedule, after.astimezone(zone)), count)
    return tuple(each.astimezone(UTC) for each in found)


@lru_cache(maxsize=65_536)
def spread(machine_uuid: str, policy_id: str, interval: timedelta) -> timedelta:
    """A machine's place in a policy's interval: the same at every start."""
    text = f"{machine_uuid}/{policy_id}".encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    return timedelta(seconds=number % int(interval.total_seconds()))


def next_due(policy: Policy, machine_uuid: str, evaluated_at: datetime | None) -> datetime | None:
    """When a machine is next to be evaluated under a policy.

    Args:
        policy: The policy.
        machine_uuid: The machine, for its place in the interval.
        evaluated_at: Its last complete evaluation; none means never, and then it is due at once.

    Returns:
        The instant; one in the past is overdue. None for a manual policy, and for a schedule that
        never fires again. ``datetime.min`` (UTC) when it was never evaluated.
    """
    if policy.schedule_type == "manual":
        return None
    if evaluated_at is None:
        return datetime.min.replace(tzinfo=UTC)
    if policy.schedule_type == "scheduled":
        found = firings(
            policy.schedule or "", policy.timezone, evaluated_at.replace(microsecond=0), 1
        )
        return found[0] if found else None
    interval = timedelta(minutes=policy.check_interval_minutes)
    offset = spread(machine_uuid, policy.id, interval)
    epoch = datetime(1970, 1, 1, tzinfo=UTC) + offset
    # The slot after the one that the last evaluation fell in: at most one interval away, at least
    # half of one, so that a first report just before a slot does not ask twice in a minute.
    slots = (evaluated_at + interval / 2 - epoch) // interval + 1
    return epoch + slots * interval


def stale_after(policy: Policy, since: datetime) -> datetime | None:
    """From when on a machine last evaluated at ``since`` is stale under a policy; none: never."""
    if policy.schedule_type == "manual":
        return None
    if policy.schedule_type == "scheduled":
        missed = firings(
            policy.schedule or "", policy.timezone, since.replace(microsecond=0), _MISSED_FIRINGS
        )
        return missed[-1] if len(missed) == _MISSED_FIRINGS else None
    interval = timedelta(minutes=policy.check_interval_minutes)
    return since + max(_MISSED_INTERVALS * interval, _LEAST_STALE)


@lru_cache(maxsize=4096)
def rhythm(schedule: str) -> tuple[float, float]:
    """The mean and the longest time between two firings of a cron expression, in minutes.

    Days and times of day are looked at apart, since one that fires each minute has half a million
    firings a year. Over a year of firing days, or eight years of the rare ones; summer time is left
    out. Infinite for one that fires less often than twice in that time.
    """
    minute, hour, *days = schedule.split()
    start = datetime(2027, 12, 31, tzinfo=UTC)  # a leap day comes within the first year
    day = timedelta(days=1)
    times = [
        (each - start) / timedelta(minutes=1)
        for each in islice(CronSim(f"{minute} {hour} * * *", start - timedelta(minutes=1)), 1440)
        if each < start + day
    ]
    dates = [
        each
        for each in islice(CronSim(" ".join(("0 0", *days)), start), _FIRING_DAYS)
        if each < start + _RARE
    ]
    if not times or len(dates) < 2:
        return math.inf, math.inf
    within = [later - sooner for sooner, later in pairwise(times)]
    overnight = 1440 - (times[-1] - times[0])
    apart = [(later - sooner) / day for sooner, later in pairwise(dates)]
    longest = max(*within, 0.0, (max(apart) - 1) * 1440 + overnight)
    return (dates[-1] - dates[0]) / day * 1440 / (len(apart) * len(times)), longest


def paces(policies: Iterable[Policy]) -> frozenset[tuple[object, ...]]:
    """What decides which machines are stale when; equal before and after a change: it moves none."""
    return frozenset(
        (
            each.id,
            each.target_os,
            each.target_tags,
            each.schedule_type,
            each.check_interval_minutes,
            each.schedule,
            each.timezone,
        )
        for each in policies
        if each.enabled
    )
