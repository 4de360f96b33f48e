"""Sources, the history of revisions, events and reconcile requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from controller.errors import NotFoundError
from controller.model.source import RevisionRecord, SourceStatus
from controller.store.columns import instant, moment_of
from controller.store.context import Context
from controller.store.port.page import Page
from controller.store.port.sources import Event

_STATUS: TypeAdapter[SourceStatus] = TypeAdapter(SourceStatus)
_RECORD: TypeAdapter[RevisionRecord] = TypeAdapter(RevisionRecord)


class SourcesReading(Context):
    """Reads about sources."""

    def sources(self) -> Sequence[SourceStatus]:
        rows = self.db.all("SELECT status FROM source WHERE status <> '{}' ORDER BY name")
        return [_STATUS.validate_json(row[0]) for row in rows]

    def source(self, name: str) -> SourceStatus | None:
        row = self.db.one("SELECT status FROM source WHERE name = ? AND status <> '{}'", (name,))
        return _STATUS.validate_json(row[0]) if row else None

    def reconcile_request(self, source: str) -> int:
        row = self.db.one("SELECT request FROM source WHERE name = ?", (source,))
        return int(row[0]) if row else 0

    def requested_by(self, source: str) -> str:
        found = self.meta(f"request/{source}")
        return str(found["actor"]) if found else ""

    def revisions(self, page: int, per_page: int) -> Page[RevisionRecord]:
        total = self.db.one("SELECT count(*) FROM revision")
        rows = self.db.all(
            "SELECT body FROM revision ORDER BY number DESC LIMIT ? OFFSET ?",
            (per_page, (page - 1) * per_page),
        )
        return Page(tuple(_RECORD.validate_json(row[0]) for row in rows), total[0] if total else 0)

    def revision(self, sha: str) -> RevisionRecord | None:
        row = self.db.one(
            "SELECT body FROM revision WHERE sha = ? ORDER BY number DESC LIMIT 1", (sha,)
        )
        return _RECORD.validate_json(row[0]) if row else None

    def events(self, page: int, per_page: int) -> Page[Event]:
        total = self.db.one("SELECT count(*) FROM event")
        rows = self.db.all(
            "SELECT at, object, reason, revision, message, count FROM event"
            " ORDER BY at DESC, number DESC LIMIT ? OFFSET ?",
            (per_page, (page - 1) * per_page),
        )
        return Page(
            tuple(Event(moment_of(row[0]), *row[1:]) for row in rows), total[0] if total else 0
        )


class SourcesWriting(SourcesReading):
    """Writes about sources."""

    def save_source(self, status: SourceStatus) -> None:
        self.db.run(
            "INSERT INTO source (name, status) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET status = excluded.status",
            (status.name, _STATUS.dump_json(status).decode()),
        )

    def remove_source(self, name: str) -> None:
        self.db.run("DELETE FROM source WHERE name = ?", (name,))

    def request_reconcile(self, source: str, actor: str, as_of: datetime) -> int:
        if not self.db.run("UPDATE source SET request = request + 1 WHERE name = ?", (source,)):
            raise NotFoundError(f"there is no source {source!r}")
        self.set_meta(f"request/{source}", {"actor": actor, "at": instant(as_of)})
        return self.reconcile_request(source)

    def record_revision(self, record: RevisionRecord) -> None:
        self.db.run(
            "INSERT INTO revision (source, sha, attempted_at, result, body) VALUES (?, ?, ?, ?, ?)",
            (
                record.source,
                record.sha,
                instant(record.attempted_at),
                record.result,
                _RECORD.dump_json(record).decode(),
            ),
        )

    def add_event(self, event: Event) -> bool:
        key = (event.object, event.reason, event.revision)
        known = self.db.run(
            "UPDATE event SET count = count + 1, at = ?, message = ?"
            " WHERE object = ? AND reason = ? AND revision = ?",
            (instant(event.at), event.message, *key),
        )
        if known:
            return False
        self.db.run(
            "INSERT INTO event (at, object, reason, revision, message, count)"
            " VALUES (?, ?, ?, ?, ?, 1)",
            (instant(event.at), *key, event.message),
        )
        return True
