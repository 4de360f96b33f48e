"""Writes that git's rules refuse leave a trace: a row in the audit trail and an event.

In a transaction of their own, after the refusal has rolled back the write itself.
"""

from __future__ import annotations

import logging
from typing import Final

from controller.api.access import Call
from controller.errors import GitManagedError, GitOnlyError, StoreError
from controller.store.port.sources import Event

WRITE_REFUSED: Final = "WriteRefused"
"""The reason of an event: somebody tried to change through the API what git alone decides."""
_log = logging.getLogger(__name__)


def note_refusal(call: Call, about: str, error: GitManagedError | GitOnlyError) -> None:
    """Keep who was refused what. Never raises: the refusal stands whether it could be kept or not.

    Args:
        call: Whose write it was.
        about: The object, as ``policy/ID``.
        error: Why it was refused.
    """
    detail: dict[str, object] = {"reason": error.reason, "managed_by": None}
    if isinstance(error, GitManagedError):
        fields = error.detail.get("conflicts")
        detail["managed_by"] = error.detail.get("managed_by")
        detail["fields"] = [each["field"] for each in fields] if isinstance(fields, list) else []
    call.gate.metrics.write_conflicts.labels(about.partition("/")[0], error.reason).inc()
    try:
        with call.store.write() as writing:
            revision = writing.in_force().revision or ""
            actor = f"api:{call.actor}"
            writing.add_audit(actor, "refused", about, call.as_of, revision=revision, detail=detail)
            message = f"a write by {call.actor} was refused: {error}"
            event = Event(call.as_of, about, WRITE_REFUSED, revision, message)
            if writing.add_event(event):
                writing.tell(event, _source(detail["managed_by"]))
    except StoreError:
        _log.exception("a refused write of %s could not be noted", about)


def _source(place: object) -> str:
    return str(place["source"]) if isinstance(place, dict) else ""
