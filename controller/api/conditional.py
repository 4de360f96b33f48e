"""Entity tags: from the store's change counter, never from a body.

A tag is ``"VERSION-CHANGE.EXCEPTIONS.SOON.STALE.DAY"``: the object's own version (0 where there is
none), the store's change counter, and the four things that time alone moves. ``If-None-Match``
compares the whole; ``If-Match`` compares the version only, so that a report somewhere in the fleet
does not spoil an edit.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from controller.errors import PreconditionError
from controller.store.port.store import Reading


def snapshot_tag(reading: Reading, as_of: datetime) -> str:
    """What names the state of everything that can be read at an instant."""
    in_force = reading.in_force()
    instants = in_force.rulebook.timeline.instants
    soon = as_of + timedelta(days=in_force.settings.exceptions.warn_days)
    return ".".join(
        str(part)
        for part in (
            reading.change(),
            bisect_right(instants, as_of),
            bisect_right(instants, soon),
            reading.stale_machines(as_of),
            as_of.toordinal(),
        )
    )


def not_modified(request: Request, response: Response, tag: str | None) -> Response:
    """Put the tag on a successful read; answer 304 when the caller has that very state."""
    if tag is None or response.status_code not in {200, 201}:
        return response
    response.headers["ETag"] = tag
    if request.method != "GET" or response.status_code != 200:
        return response
    wanted = _tags(request.headers.get("if-none-match"))
    if "*" in wanted or tag in {each.removeprefix("W/") for each in wanted}:
        return Response(status_code=304, headers={"ETag": tag})
    return response


def require_version(if_match: str | None, version: str) -> None:
    """Hold an ``If-Match`` header against an object's version.

    Raises:
        PreconditionError: The object is no longer the one that the caller has seen.
    """
    wanted = _tags(if_match)
    if if_match is None or "*" in wanted:
        return
    if version not in {each.strip('"').partition("-")[0] for each in wanted}:
        raise PreconditionError(
            "the object has changed since you read it; read it again, then repeat the change"
        )


def _tags(header: str | None) -> list[str]:
    return [part.strip() for part in header.split(",") if part.strip()] if header else []
