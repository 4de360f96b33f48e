"""The audit trail: append-only, each row chained to the one before it by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from controller.store.columns import instant, moment_of, to_json
from controller.store.context import Context
from controller.store.driver import Record
from controller.store.interface import AuditEntry, Page

FIRST = "0" * 64
"""What the first row is chained to."""


HEAD = "audit_head"
"""The name under which the newest row's number and hash are kept a second time."""


def chained(previous: str, columns: tuple[object, ...]) -> str:
    """The hash of a row: over the hash before it and every column."""
    return hashlib.sha256(f"{previous}\n{to_json(list(columns))}".encode()).hexdigest()


def _entry(row: Record) -> AuditEntry:
    number, at, actor, action, about, revision, detail, digest = row
    return AuditEntry(
        number, moment_of(at), actor, action, about, revision, json.loads(detail), digest
    )


class AuditReading(Context):
    """Reads of the trail."""

    def audit(self, page: int, per_page: int) -> Page[AuditEntry]:
        total = self.db.one("SELECT count(*) FROM audit")
        rows = self.db.all(
            "SELECT number, at, actor, action, object, revision, detail, hash FROM audit"
            " ORDER BY number DESC LIMIT ? OFFSET ?",
            (per_page, (page - 1) * per_page),
        )
        return Page(tuple(map(_entry, rows)), total[0] if total else 0)

    def trail(self, object: str, limit: int) -> Sequence[AuditEntry]:
        """What was done to one object, newest first."""
        rows = self.db.all(
            "SELECT number, at, actor, action, object, revision, detail, hash FROM audit"
            " WHERE object = ? ORDER BY number DESC LIMIT ?",
            (object, limit),
        )
        return [_entry(row) for row in rows]

    def audit_of(self, revision: str, limit: int = 500) -> Sequence[AuditEntry]:
        rows = self.db.all(
            "SELECT number, at, actor, action, object, revision, detail, hash FROM audit"
            " WHERE revision = ? AND revision <> '' ORDER BY number LIMIT ?",
            (revision, limit),
        )
        return [_entry(row) for row in rows]


class AuditWriting(AuditReading):
    """Writes of the trail."""

    def add_audit(
        self,
        actor: str,
        action: str,
        object: str,
        as_of: datetime,
        *,
        revision: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        last = self.db.one("SELECT hash FROM audit ORDER BY number DESC LIMIT 1")
        columns = (instant(as_of), actor, action, object, revision, to_json(detail or {}))
        digest = chained(last[0] if last else FIRST, columns)
        row = self.db.one(
            "INSERT INTO audit (at, actor, action, object, revision, detail, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",
            (*columns, digest),
        )
        # Kept apart, so that rows cut off the end are missed.
        self.set_meta(HEAD, {"number": row[0] if row else 0, "hash": digest})
