"""The audit trail, and whether it and the scores are still what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controller.model.integrity import AuditHead, Finding
from controller.store.port.page import Page


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit trail, chained by ``hash`` to the one before it."""

    number: int
    at: datetime
    actor: str
    action: str
    object: str
    revision: str
    detail: Mapping[str, Any]
    hash: str


class TrailReading(Protocol):
    """The audit trail in a snapshot, and its verification."""

    def audit(self, page: int, per_page: int) -> Page[AuditEntry]: ...
    def audit_of(self, revision: str, limit: int = 500) -> Sequence[AuditEntry]:
        """What was done under one revision, in order."""
        ...

    def trail(self, object: str, limit: int) -> Sequence[AuditEntry]:
        """What was done to one object, such as ``policy/ID``, newest first."""
        ...

    def audit_head(self) -> AuditHead | None:
        """The end of the audit trail as kept beside it."""
        ...

    def audit_hash(self, number: int) -> str | None:
        """The stored hash of one row of the trail."""
        ...

    def verify_trail(self) -> Iterator[Finding]:
        """Follow the hash chain of the audit trail."""
        ...

    def verify_scores(self) -> Iterator[Finding]:
        """Judge every machine anew and count the fleet again."""
        ...


class TrailWriting(Protocol):
    """Rows put at the end of the audit trail."""

    def add_audit(
        self,
        actor: str,
        action: str,
        object: str,
        as_of: datetime,
        *,
        revision: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None: ...
