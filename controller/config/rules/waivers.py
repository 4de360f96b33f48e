"""What one exception must be in itself, and what it owes its reviewers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from controller.config.finding import Finding
from controller.config.rules.lists import twice
from controller.model.documents import ExceptionSettings, Waiver

KEPT_AFTER_END: Final = timedelta(days=30)
"""How long the document of an ended exception is only warned about."""

_SELECTORS: Final = {
    "global": (),
    "agent": ("agent_uuid", "agent_uuids"),
    "tag": ("tag",),
    "policy": ("policy_id",),
}


def findings(waiver: Waiver) -> Iterator[Finding]:
    """Which checks, which machines, which order of times, who approved."""
    if waiver.check_id is not None and waiver.check_ids:
        message = "stands beside check_id; keep one of the two"
        yield Finding("GW214", ("check_ids",), message)
    elif not waiver.checks:
        message = "the exception names no check; add check_id: ... or check_ids: [...]"
        yield Finding("GW214", ("check_id",), message)
    yield from _selector(waiver)
    starts, expires = waiver.starts_at, waiver.expires_at
    if starts is not None and expires is not None and expires <= starts:
        message = "the end is not after the start, so it would never hold; correct one of the two"
        yield Finding("GW402", ("expires_at",), message)
    requester = (waiver.requested_by or "").strip().casefold()
    for at, approver in enumerate(waiver.approved_by):
        if requester and approver.strip().casefold() == requester:
            message = f"{approver!r} asked for it and cannot approve it; name somebody else"
            yield Finding("GW408", ("approved_by", at), message)
    for field in ("check_ids", "agent_uuids"):
        yield from twice(field, getattr(waiver, field))


def _selector(waiver: Waiver) -> Iterator[Finding]:
    wanted = _SELECTORS[waiver.scope]
    given = [field for fields in _SELECTORS.values() for field in fields if getattr(waiver, field)]
    for field in given:
        if field not in wanted:
            needed = f"needs {' or '.join(wanted)}" if wanted else "takes no selector"
            message = f"does not go with scope: {waiver.scope}, which {needed}; change one of them"
            yield Finding("GW215", (field,), message)
    fitting = [field for field in given if field in wanted]
    if wanted and not fitting:
        message = f"scope: {waiver.scope} needs {' or '.join(wanted)}; add it"
        yield Finding("GW215", (wanted[0],), message)
    elif len(fitting) > 1:
        message = f"stands beside {fitting[0]}; keep one of the two"
        yield Finding("GW215", (fitting[1],), message)


def review_findings(
    waiver: Waiver,
    settings: ExceptionSettings,
    *,
    as_of: datetime,
    first_applied: datetime | None,
) -> Iterator[Finding]:
    """What the repository's settings and the clock say.

    Args:
        waiver: The exception.
        settings: The repository's demands.
        as_of: Now, aware.
        first_applied: When the exception's id first came into force, none when it has not yet.
    """
    if settings.require_owner and not (waiver.owner or "").strip():
        yield Finding("GW406", ("owner",), "the settings demand an owner; add owner: ...")
    if settings.require_ticket and not (waiver.ticket or "").strip():
        yield Finding("GW407", ("ticket",), "the settings demand a ticket; add ticket: ...")
    if waiver.expires_at is None:
        if settings.require_expiry:
            message = "an exception has an end; add expires_at: YYYY-MM-DD"
            yield Finding("GW401", ("expires_at",), message)
        return
    yield from _span(waiver, waiver.expires_at, settings, first_applied or as_of)
    ended = as_of - waiver.expires_at
    if ended >= timedelta(0):
        day = waiver.expires_at.date()
        if ended < KEPT_AFTER_END:
            message = f"ended on {day} and no longer holds; renew it or delete the document"
            yield Finding("GW404", ("expires_at",), message)
        else:
            message = f"ended on {day}, {ended.days} days ago; delete the document"
            yield Finding("GW405", ("expires_at",), message)


def steady_until(
    waiver: Waiver, *, as_of: datetime, first_applied: datetime | None
) -> datetime | None:
    """Until when ``review_findings`` goes on saying what it says now; none is for ever."""
    if waiver.expires_at is None:
        return None
    if waiver.starts_at is None and first_applied is None:
        return as_of  # its span is counted from the very moment
    if as_of < waiver.expires_at:
        return waiver.expires_at
    return waiver.expires_at + timedelta(days=(as_of - waiver.expires_at).days + 1)


def _span(
    waiver: Waiver, expires: datetime, settings: ExceptionSettings, counted_from: datetime
) -> Iterator[Finding]:
    start = waiver.starts_at or counted_from
    if expires - start > timedelta(days=settings.max_days):
        days = (expires - start).days
        latest = start.date() + timedelta(days=settings.max_days)
        message = f"lasts {days} days, at most {settings.max_days} are allowed; end it by {latest}"
        yield Finding("GW403", ("expires_at",), message)
