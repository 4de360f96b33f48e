"""What one policy must be in itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from controller.config.finding import Finding, did_you_mean
from controller.config.rules.lists import twice
from controller.model.documents import Policy

_DEFAULT_INTERVAL: Final = Policy.model_fields["check_interval_minutes"].default
_DEFAULT_ZONE: Final = Policy.model_fields["timezone"].default
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}")
_ANY_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


def findings(policy: Policy) -> Iterator[Finding]:
    """Schedule fields that fit together, and lists without repetition."""
    kind = policy.schedule_type
    if kind == "scheduled":
        if policy.schedule is None:
            message = 'a scheduled policy says when; add schedule: "0 6 * * *"'
            yield Finding("GW210", ("schedule",), message)
    else:
        if policy.schedule is not None:
            message = f"belongs to schedule_type: scheduled, this is {kind}; remove one of the two"
            yield Finding("GW211", ("schedule",), message)
        if policy.timezone != _DEFAULT_ZONE:
            message = f"belongs to schedule_type: scheduled, this is {kind}; remove it"
            yield Finding("GW211", ("timezone",), message)
    if kind != "continuous" and policy.check_interval_minutes != _DEFAULT_INTERVAL:
        message = f"belongs to schedule_type: continuous, this is {kind}; remove it"
        yield Finding("GW211", ("check_interval_minutes",), message)
    if policy.schedule is not None:
        message = _cron_problem(policy.schedule)
        if message:
            yield Finding("GW212", ("schedule",), message)
    if not is_zone(policy.timezone):
        yield Finding("GW213", ("timezone",), _unknown_zone(policy.timezone))
    for field in ("target_tags", "include_checks", "exclude_checks"):
        yield from twice(field, getattr(policy, field))


@lru_cache(maxsize=1024)
def _cron_problem(expression: str) -> str:
    from cronsim import CronSim, CronSimError  # few policies have a schedule

    fields = expression.split()
    if len(fields) != 5:
        return f"{expression!r} has {len(fields)} fields, a cron expression has five; write five"
    try:
        next(CronSim(expression, _ANY_DAY))
    except CronSimError as error:
        detail = str(error)[:1].lower() + str(error)[1:]
        return f"{expression!r} is no cron expression: {detail}; write such as 0 6 * * MON"
    except StopIteration:
        return f"{expression!r} never comes; write a date that exists"
    return ""


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether the name is an IANA time zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name == _DEFAULT_ZONE:
        return True
    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _unknown_zone(name: str) -> str:
    from zoneinfo import available_timezones

    known = available_timezones()
    city = next((zone for zone in sorted(known) if zone.rpartition("/")[2] == name), None)
    hint = f'; did you mean "{city}"?' if city else did_you_mean(name, known)
    return f"{name!r} is no IANA time zone{hint or '; write such as Europe/Berlin'}"
