"""The audit trail: append-only, each row chained to the one before it by a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from controller.store.columns import canonical, instant, moment_of, to_json
from controller.store.context import Context
from controller.store.driver import Record
from controller.store.port.page import Page
from controller.store.port.trail import AuditEntry

FIRST = "0" * 64
"""What the first row is chained to."""


HEAD = "audit_head"
"""The name under which the newest row's number and hash are kept a second time."""


def chained(previous: str, columns: tuple[object, ...]) -> str:
    """The hash of a row: over the hash before it and every column."""
    return hashlib.sha256(b"%s\n%s" % (previous.encode(), canonical(columns))).hexdigest()


def _entry(row: Record) -> AuditEntry:
    number, at, actor, action, about, revision, detail, digest = row
    return AuditEntry(
        number, moment_of(at), actor, action, about, revision, json.loads(detail), digest
    )


class Entry(Struct, frozen=True):
    """A row to be: who did what to which object, in which revision, with details."""

    actor: str
    action: str
    about: str
    revision: str
    detail: Mapping[str, Any]


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
        self.add_audits([Entry(actor, action, object, revision, detail or {})], as_of)

    def add_audits(self, entries: Iterable[Entry], as_of: datetime) -> None:
        """Append several rows, in order."""
        last = self.db.one("SELECT hash FROM audit ORDER BY number DESC LIMIT 1")
        digest, at = last[0] if last else FIRST, instant(as_of)
        rows = []
        for each in entries:
            detail = to_json(each.detail)
            columns = (at, each.actor, each.action, each.about, each.revision, detail)
            digest = chained(digest, columns)
            rows.append((*columns, digest))
        if not rows:
            return
        self.db.many(
            "INSERT INTO audit (at, actor, action, object, revision, detail, hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        row = self.db.one("SELECT number FROM audit ORDER BY number DESC LIMIT 1")
        # Kept apart, so that rows cut off the end are missed.
        self.set_meta(HEAD, {"number": row[0] if row else 0, "hash": digest})
