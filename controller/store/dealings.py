"""A machine's dealings with the controller, as one report needs them: one row in, one row out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from controller.model.posture import Posture
from controller.model.terms import Platform
from controller.scoring.absorb import Catalog
from controller.scoring.standing import Standing
from controller.store.columns import (
    bits_of,
    instants_of,
    moment_of,
    posture_of,
    standing_of,
    tags_of,
)
from controller.store.driver import Record

_encode: Final = msgspec.json.encode


@dataclass(slots=True)
class Dealings:
    """What is known of a machine while its report is worked on."""

    number: int
    uuid: str
    os: Platform
    tags: tuple[str, ...]
    approved_at: datetime
    collected_at: int | None
    report_order: str | None
    facts_run_at: int | None
    recent: list[str]
    evaluated: dict[str, int]
    run_id: str | None
    run_issued_at: int | None
    run_policies: tuple[str, ...]
    run_asked: int
    posture: Posture
    times: bytes
    heard: bytes | None
    """Digest of what was reported last, and under which catalog and question; see ``heard_under``."""
    spoke: int
    """Bitmap of the positions that the last report spoke of."""
    evidence_at: int | None
    telling: bytes | None
    """Digest of the telling parts of the stored evidence."""
    since: bytes | None
    """The evidence of what changed since the whole was written, packed."""
    overall: Standing | None
    """As stored in the rows that readers see."""

    def columns(
        self, seen: int, reported: int | None, stale_at: int | None
    ) -> tuple[int | str | None, ...]:
        """The contact row's new values, in the order of ``WRITE``."""
        return (
            seen,
            reported,
            self.collected_at,
            self.report_order,
            self.facts_run_at,
            " ".join(self.recent),
            _encode(self.evaluated).decode(),
            stale_at,
            self.run_id,
            self.number,
        )


def heard_under(catalog: Catalog, asked: int) -> bytes:
    """What, behind the digest of a list of results, makes its repetition change nothing.

    The same catalog and the same question: then the same results lead to the same posture.
    """
    question = asked.to_bytes((asked.bit_length() + 7) // 8, "little")
    return hashlib.blake2b(catalog.fingerprint + question, digest_size=8).digest()


def dealings_of(row: Record, uuid: str) -> Dealings:
    """Dealings from their row, in the order of ``reads``."""
    values: tuple[Any, ...] = row
    passed = values[16]
    return Dealings(
        number=values[2],
        uuid=uuid,
        os=values[3],
        tags=tags_of(values[4]),
        approved_at=moment_of(values[5] or 0),
        collected_at=values[6],
        report_order=values[7],
        facts_run_at=values[8],
        recent=values[9].split() if values[9] else [],
        evaluated=instants_of(values[10]),
        run_id=values[11],
        run_issued_at=values[12],
        run_policies=tags_of(values[13]) if values[13] else (),
        run_asked=bits_of(values[14]) if values[14] else 0,
        posture=posture_of(values[16:20]) if passed is not None else Posture(),
        times=values[15] or b"",
        heard=values[20],
        spoke=bits_of(values[21]) if values[21] else 0,
        evidence_at=values[22],
        telling=values[23],
        since=values[24],
        overall=standing_of(values[25:31]) if values[26] is not None else None,
    )


_READ: Final = (
    "SELECT t.hash, m.status, m.number, m.os, m.tags, m.approved_at, c.collected_at, c.report_order,"
    " c.facts_run_at, c.recent, c.evaluated, c.run_id, c.run_issued_at, c.run_policies, c.run_asked,"
    " p.times, p.passed, p.failed, p.errored, p.not_applicable, p.heard, p.spoke,"
    " e.stored_at, e.digest, v.body, s.hundredths, s.risk, s.compliant, s.bare_hundredths, s.bare_risk,"
    " s.bare_compliant, m.uuid"
    " FROM machine m JOIN contact c ON c.machine = m.number"
    " LEFT JOIN machine_token t ON t.machine = m.number AND t.pending = 0"
    " LEFT JOIN posture p ON p.machine = m.number"
    " LEFT JOIN evidence e ON e.machine = m.number"
    " LEFT JOIN evidence_since v ON v.machine = m.number"
    " LEFT JOIN score s ON s.slot = ? AND s.machine = m.number AND s.policy = 0"  # OVERALL
    " WHERE m.uuid IN ({})"
)
UUID: Final = 31
"""Where a row of ``reads`` has the machine's uuid."""
_SIZES: Final = (64, 16, 4, 1)
_READS: Final = {size: _READ.format(", ".join("?" * size)) for size in _SIZES}


def reads(uuids: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Statements that read many machines at once, in few sizes, so that each is compiled once.

    Each takes the slot, then the uuids with it. A row begins with the hash of a valid token, or none;
    a machine has a row for each of its tokens.
    """
    start = 0
    while start < len(uuids):
        left = len(uuids) - start
        # A statement that is too large by half costs less than three smaller ones.
        size = next((each for each in reversed(_SIZES) if each >= left), _SIZES[0])
        some = uuids[start : start + size]
        yield _READS[size], [*some, *[some[-1]] * (size - len(some))]
        start += size


WRITE: Final = (
    "INSERT INTO contact (last_seen, reported_at, collected_at, report_order, facts_run_at, recent,"
    " evaluated, stale_at, run_id, machine) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (machine) DO UPDATE SET last_seen = excluded.last_seen,"
    " reported_at = coalesce(excluded.reported_at, contact.reported_at),"
    " collected_at = excluded.collected_at, report_order = excluded.report_order,"
    " facts_run_at = excluded.facts_run_at, recent = excluded.recent,"
    " evaluated = excluded.evaluated, stale_at = excluded.stale_at, run_id = excluded.run_id"
)
WRITE_FACTS: Final = (
    "INSERT INTO posture (passed, failed, errored, not_applicable, times, heard, spoke, machine)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (machine) DO UPDATE SET"
    " passed = excluded.passed, failed = excluded.failed, errored = excluded.errored,"
    " not_applicable = excluded.not_applicable, times = excluded.times, heard = excluded.heard,"
    " spoke = excluded.spoke"
)
