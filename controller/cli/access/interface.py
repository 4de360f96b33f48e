"""What commands ask of a controller, over HTTP or of its data folder beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Protocol

Body = dict[str, Any]
"""A JSON object in the form that the HTTP API gives it."""

LISTS: Final[dict[str, str]] = {
    "policies": "/api/v1/compliance/policies",
    "checks": "/api/v1/compliance/checks",
    "exceptions": "/api/v1/compliance/exceptions",
    "machines": "/api/v1/agents",
    "tokens": "/api/v1/tokens",
    "enrollment-keys": "/api/v1/enrollment-keys",
    "events": "/api/v1/gitops/events",
    "revisions": "/api/v1/gitops/revisions",
    "waiting": "/api/v1/gitops/notifications?dead=false",
    "dead": "/api/v1/gitops/notifications?dead=true",
}
"""What can be listed, and where the API has it."""


class Access(Protocol):
    """What commands ask of a controller. Every method raises ``ControllerError``."""

    def sources(self) -> list[Body]: ...
    def request(self, source: str | None) -> tuple[str, int]:
        """Ask for a pass; the source's name and the request's number."""
        ...

    def confirm(self, source: str | None, digest: str) -> Body: ...
    def suspend(self, source: str | None, reason: str, until: datetime | None) -> Body: ...
    def resume(self, source: str | None) -> Body: ...
    def entries(self, what: str) -> list[Body]:
        """All of one of ``LISTS``."""
        ...

    def newest(self, what: str, count: int) -> list[Body]:
        """The newest of one of ``LISTS``, at most so many."""
        ...

    def trace(self, object: str) -> Body: ...
    def retry(self, number: int) -> None:
        """Try a message again that was given up."""
        ...

    def score(self, machine: str) -> Body:
        """By uuid or hostname."""
        ...

    def results(self, uuid: str) -> list[Body]:
        """Every check that a machine's policies select, with its outcome there."""
        ...

    def forecast(self, days: int) -> Body: ...
    def findings(self, expiring_days: int) -> Body:
        """Every exception in force, with what there is to say about it."""
        ...

    def create_token(self, name: str, role: str, expires_at: datetime | None) -> str: ...
    def create_enrollment_key(
        self, name: str, tags: list[str], uses: int | None, expires_at: datetime | None
    ) -> str: ...
    def revoke(self, what: str, id_: str) -> None:
        """Revoke one of ``tokens`` or ``enrollment-keys``."""
        ...
