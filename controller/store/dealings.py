"""A machine's dealings with the controller, as one report needs them: one row in, one row out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from controller.model.posture import Posture
from controller.model.terms import Platform
from controller.scoring.absorb import Catalog
from controller.scoring.standing import Standing
from controller.store.columns import instants_of, standing_of, tags_of
from controller.store.driver import Session

_encode: Final = msgspec.json.encode


class Kept(NamedTuple):
    """What is needed of a machine only when something changed."""

    times: bytes = b""
    telling: bytes = b""
    """Digest of the telling parts of the stored evidence."""
    lines: int = 0
    """Bytes of evidence of what changed since the whole was written; -1 where nothing can be added."""


@dataclass(slots=True)
class Dealings:
    """What is known of a machine while its report is worked on."""

    number: int
    uuid: str
    os: Platform
    tags: tuple[str, ...]
    approved_at: int
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
    heard: bytes
    """Digest of what was reported last, and under which catalog and question; see ``heard_under``."""
    spoke: int
    """Bitmap of the positions that the last report spoke of."""
    evidence_at: int | None
    overall: Standing | None
    """As stored in the rows that readers see."""
    kept: Kept | None = None
    """None while it has not been read."""

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


def dealings_of(row: Sequence[Any]) -> Dealings:
    """Dealings from their row, as ``read`` gives it."""
    return Dealings(
        number=row[2],
        uuid=row[3],
        os=row[4],
        tags=tags_of(row[5]),
        approved_at=row[6] or 0,
        collected_at=row[7],
        report_order=row[8],
        facts_run_at=row[9],
        recent=row[10].split() if row[10] else [],
        evaluated=instants_of(row[11]),
        run_id=row[12],
        run_issued_at=row[13],
        run_policies=tags_of(row[14]) if row[14] else (),
        run_asked=_bits(row[15]),
        posture=Posture(_bits(row[16]), _bits(row[17]), _bits(row[18]), _bits(row[19])),
        heard=bytes.fromhex(row[20]),
        spoke=_bits(row[21]),
        evidence_at=row[22],
        overall=standing_of(tuple(row[23:29])) if row[24] is not None else None,
    )


def _bits(column: str) -> int:
    return int.from_bytes(bytes.fromhex(column), "little")


_COLUMNS: Final = (
    "t.hash", "m.status", "m.number", "m.uuid", "m.os", "m.tags", "m.approved_at",
    "c.collected_at", "c.report_order", "c.facts_run_at", "c.recent", "c.evaluated",
    "c.run_id", "c.run_issued_at", "c.run_policies", "hex(c.run_asked)",
    "hex(p.passed)", "hex(p.failed)", "hex(p.errored)", "hex(p.not_applicable)", "hex(p.heard)",
    "hex(p.spoke)", "e.stored_at",
    "s.hundredths", "s.risk", "s.compliant", "s.bare_hundredths", "s.bare_risk", "s.bare_compliant",
)  # fmt: skip
NUMBER: Final = 2
UUID: Final = 3
"""Where a row has the machine's number and uuid."""
_SOURCE: Final = (
    "FROM machine m JOIN contact c ON c.machine = m.number"
    " LEFT JOIN machine_token t ON t.machine = m.number AND t.pending = 0"
    " LEFT JOIN posture p ON p.machine = m.number"
    " LEFT JOIN evidence e ON e.machine = m.number"
    " LEFT JOIN score s ON s.slot = ? AND s.machine = m.number AND s.policy = 0"  # OVERALL
    " WHERE m.uuid IN ({})"
)
_LINES: Final = (
    "CASE WHEN v.body IS NULL THEN 0 WHEN hex(substr(v.body, 1, 1)) <> '7B' THEN -1"
    " ELSE length(v.body) END"
)
_KEPT_COLUMNS: Final = ("m.number", "hex(p.times)", "hex(e.digest)", _LINES)
_KEPT_SOURCE: Final = (
    "FROM machine m LEFT JOIN posture p ON p.machine = m.number"
    " LEFT JOIN evidence e ON e.machine = m.number"
    " LEFT JOIN evidence_since v ON v.machine = m.number WHERE m.number IN ({})"
)
_MOST: Final = 64
_Asked = TypeVar("_Asked", str, int)


def read(db: Session, slot: int, uuids: Sequence[str]) -> Iterator[list[Any]]:
    """The rows of these machines: one for each of a machine's tokens, its hash first."""
    for some in _portions(uuids):
        source = _SOURCE.format(_marks(len(some)))
        yield from db.rows(_COLUMNS, source, (slot, *some))


def read_kept(db: Session, numbers: Sequence[int]) -> dict[int, Kept]:
    """What these machines have of it, by number."""
    found = {}
    for some in _portions(numbers):
        rows = db.rows(_KEPT_COLUMNS, _KEPT_SOURCE.format(_marks(len(some))), some)
        for number, times, telling, lines in rows:
            found[number] = Kept(bytes.fromhex(times), bytes.fromhex(telling), lines)
    return found


def _portions(asked: Sequence[_Asked]) -> Iterator[Sequence[_Asked]]:
    """Portions of few sizes, so that each statement is compiled once."""
    for start in range(0, len(asked), _MOST):
        portion = list(asked[start : start + _MOST])
        # A statement that is too large by half costs less than three smaller ones.
        size = 1 << (len(portion) - 1).bit_length()
        yield portion + portion[-1:] * (size - len(portion))


@cache
def _marks(count: int) -> str:
    return ", ".join("?" * count)


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
