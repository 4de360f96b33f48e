"""The outbox: messages written in the transaction of what they tell, and kept until they arrive."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from controller.model.notice import MachineTurn, Notice, Subscription
from controller.model.terms import RISK_LEVELS, RISK_NUMBER
from controller.scoring.ledger import OVERALL
from controller.store.audit import AuditWriting
from controller.store.columns import (
    flag,
    instant,
    moment_of,
    optional_instant,
    optional_moment,
    to_json,
    truth,
)
from controller.store.context import Context
from controller.store.driver import Record
from controller.store.port.page import Page
from controller.store.port.sources import Event

_SUBSCRIPTIONS: Final = "subscriptions"
_TOLD_SINCE: Final = "told_since"
_COLUMNS: Final = "number, target, at, body, attempts, next_at, error, dead_at"
_MOST_DEAD: Final = 1_000
"""Messages that were given up, kept for each target."""
_UNKNOWN: Final = RISK_NUMBER["unknown"]


class OutboxReading(Context):
    """Reads of the outbox."""

    def next_notice(self, target: str) -> Notice | None:
        row = self.db.one(
            f"SELECT {_COLUMNS} FROM outbox WHERE target = ? AND dead_at IS NULL"  # noqa: S608
            " ORDER BY number LIMIT 1",
            (target,),
        )
        return _notice(row) if row else None

    def notices(self, page: int, per_page: int, *, dead: bool) -> Page[Notice]:
        which = "dead_at IS NOT NULL" if dead else "dead_at IS NULL"
        total = self.db.one(f"SELECT count(*) FROM outbox WHERE {which}")  # noqa: S608
        rows = self.db.all(
            f"SELECT {_COLUMNS} FROM outbox WHERE {which}"  # noqa: S608
            " ORDER BY number DESC LIMIT ? OFFSET ?",
            (per_page, (page - 1) * per_page),
        )
        return Page(tuple(map(_notice, rows)), total[0] if total else 0)

    def outbox_sizes(self) -> Mapping[str, tuple[int, int]]:
        rows = self.db.all(
            "SELECT target, sum(CASE WHEN dead_at IS NULL THEN 1 ELSE 0 END),"
            " sum(CASE WHEN dead_at IS NULL THEN 0 ELSE 1 END) FROM outbox GROUP BY target"
        )
        return {target: (int(waiting), int(dead)) for target, waiting, dead in rows}

    def told_since(self) -> datetime | None:
        found = self.meta(_TOLD_SINCE)
        return None if found is None else moment_of(int(found))

    def machine_turns(self, limit: int) -> Sequence[MachineTurn]:
        rows = self.db.all(
            "SELECT m.number, m.uuid, m.hostname, s.risk, s.compliant, t.risk, t.compliant"
            " FROM score s JOIN machine m ON m.number = s.machine"
            " LEFT JOIN told t ON t.machine = s.machine"
            " WHERE s.slot = ? AND s.policy = ? AND (t.machine IS NULL OR t.risk <> s.risk"
            " OR coalesce(t.compliant, -1) <> coalesce(s.compliant, -1))"
            " ORDER BY m.number LIMIT ?",
            (self.judged().slot, OVERALL, limit),
        )
        return [
            MachineTurn(
                number,
                uuid_,
                hostname,
                RISK_LEVELS[risk],
                truth(compliant),
                RISK_LEVELS[_UNKNOWN if was is None else was],
                truth(was_compliant),
            )
            for number, uuid_, hostname, risk, compliant, was, was_compliant in rows
        ]


class OutboxWriting(OutboxReading, AuditWriting):
    """Writes of the outbox."""

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        self.set_meta(_SUBSCRIPTIONS, [asdict(each) for each in subscriptions])
        names = [each.target for each in subscriptions]
        for (target,) in self.db.all("SELECT DISTINCT target FROM outbox"):
            if target not in names:
                self.db.run("DELETE FROM outbox WHERE target = ?", (target,))

    def tell(self, event: Event, source: str = "") -> int:
        wanted = [
            each
            for each in self._subscriptions()
            if each.wants(event.reason, source, event.revision)
        ]
        if not wanted:
            return 0
        body = to_json(
            {
                "id": str(uuid.uuid4()),
                "object": event.object,
                "reason": event.reason,
                "revision": event.revision,
                "source": source,
                "message": event.message[:4_000],
            }
        )
        now = instant(event.at)
        self.db.many(
            "INSERT INTO outbox (target, at, body, next_at) VALUES (?, ?, ?, ?)",
            [(each.target, now, body, now) for each in wanted],
        )
        return len(wanted)

    def _subscriptions(self) -> list[Subscription]:
        found: list[dict[str, Any]] = self.meta(_SUBSCRIPTIONS) or []
        return [
            Subscription(
                each["target"], tuple(each["reasons"]), tuple(each["sources"]), each["commits"]
            )
            for each in found
        ]

    def notice_arrived(self, number: int) -> None:
        self.db.run("DELETE FROM outbox WHERE number = ?", (number,))

    def notice_failed(
        self, number: int, error: str, *, next_at: datetime, dead_at: datetime | None
    ) -> None:
        self.db.run(
            "UPDATE outbox SET attempts = attempts + 1, error = ?, next_at = ?, dead_at = ?"
            " WHERE number = ?",
            (error[:500], instant(next_at), optional_instant(dead_at), number),
        )
        if dead_at is not None:
            self._bury_oldest(number)

    def _bury_oldest(self, number: int) -> None:
        """Forget what was given up long ago, so that a receiver that is gone costs no room."""
        row = self.db.one("SELECT target FROM outbox WHERE number = ?", (number,))
        target = row[0] if row else ""
        oldest = self.db.one(
            "SELECT number FROM outbox WHERE target = ? AND dead_at IS NOT NULL"
            " ORDER BY number DESC LIMIT 1 OFFSET ?",
            (target, _MOST_DEAD - 1),
        )
        if oldest is not None:
            self.db.run(
                "DELETE FROM outbox WHERE target = ? AND dead_at IS NOT NULL AND number < ?",
                (target, oldest[0]),
            )

    def revive_notice(self, number: int, *, actor: str, as_of: datetime) -> bool:
        revived = self.db.run(
            "UPDATE outbox SET dead_at = NULL, attempts = 0, next_at = ?, at = ?"
            " WHERE number = ? AND dead_at IS NOT NULL",
            (instant(as_of), instant(as_of), number),
        )
        if revived:
            self.add_audit(actor, "retry", f"notification/{number}", as_of)
        return revived > 0

    def begin_telling(self, as_of: datetime) -> None:
        self.set_meta(_TOLD_SINCE, instant(as_of))

    def note_turns(self, turns: Sequence[MachineTurn]) -> None:
        self.db.many(
            "INSERT INTO told (machine, risk, compliant) VALUES (?, ?, ?)"
            " ON CONFLICT (machine) DO UPDATE SET risk = excluded.risk, compliant = excluded.compliant",
            [(each.number, RISK_NUMBER[each.risk], flag(each.compliant)) for each in turns],
        )

    def note_once(self, object: str, word: str) -> bool:
        return (
            self.db.run(
                "INSERT INTO notice (object, word) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (object, word),
            )
            > 0
        )


def _notice(row: Record) -> Notice:
    number, target, at, body, attempts, next_at, error, dead_at = row
    told = json.loads(body)
    return Notice(
        number=number,
        target=target,
        id=told["id"],
        at=moment_of(at),
        object=told["object"],
        reason=told["reason"],
        revision=told["revision"],
        source=told["source"],
        message=told["message"],
        attempts=attempts,
        next_at=moment_of(next_at),
        error=error,
        dead_at=optional_moment(dead_at),
    )
