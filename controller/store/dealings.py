"""A machine's dealings with the controller, as one report needs them: one row in, one row out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

from controller.errors import UnauthenticatedError
from controller.model.posture import Posture
from controller.model.terms import Platform
from controller.scoring.absorb import Absorbed, Catalog
from controller.scoring.standing import Figures, Shown
from controller.store.columns import bitmap, instants_of, posture_of, tags_of
from controller.store.driver import Record, Session, Value
from controller.store.port.reports import Submission

_encode: Final = msgspec.json.encode
_KEPT_IDS: Final = 8


class Dealings:
    """What is known of a machine while its report is worked on."""

    __slots__ = (
        "added", "approved_at", "collected_at", "evaluated", "evidence_at", "facts_run_at", "heard",
        "number", "os", "overall", "posture", "recent", "report_order", "run_asked", "run_id",
        "run_issued_at", "run_policies", "scores", "spoke", "status", "tags", "telling", "turns", "uuid",
    )  # fmt: skip

    status: str
    number: int
    uuid: str
    os: Platform
    collected_at: int | None
    report_order: str | None
    facts_run_at: int | None
    recent: str
    """The ids of its last reports, the newest last."""
    run_id: str | None
    run_issued_at: int | None
    heard: bytes | None
    """Digest of what was reported last, and under which catalog and question; see ``heard_under``."""
    added: int
    """Bytes of evidence that were added since the whole was written."""
    turns: int
    """How many reports turned outcomes since times were packed."""
    evidence_at: int | None
    telling: bytes | None
    """Digest of the telling parts of the stored evidence."""

    def __init__(self, row: Record) -> None:
        """Take a row as ``read`` gives it."""
        (
            _, self.status, self.number, self.uuid, self.os, tags, approved_at,
            self.collected_at, self.report_order, self.facts_run_at, self.recent, evaluated,
            self.run_id, self.run_issued_at, run_policies, run_asked,
            passed, failed, errored, not_applicable, self.heard, spoke, added, turns,
            self.evidence_at, self.telling, *overall,
        ) = row  # fmt: skip
        bits = int.from_bytes
        self.tags: tuple[str, ...] = tags_of(tags)
        self.approved_at: int = approved_at or 0
        self.evaluated: dict[str, int] = instants_of(evaluated)
        self.run_policies: tuple[str, ...] = tags_of(run_policies) if run_policies else ()
        self.run_asked = bits(run_asked, "little") if run_asked else 0
        self.spoke = bits(spoke, "little") if spoke else 0
        """Bitmap of the positions that the last report spoke of."""
        self.added = added or 0
        self.turns = turns or 0
        bitmaps = passed, failed, errored, not_applicable
        self.posture = posture_of(bitmaps) if passed is not None else Posture()
        hundredths, risk, compliant = overall
        self.overall: Shown | None = (hundredths, risk, compliant) if risk is not None else None
        """As stored in the rows that readers see."""
        self.scores: dict[int, Figures] | None = None
        """All of them, by the key of their row; none where they have not been read."""

    def remember(self, report_id: str) -> None:
        """Keep a report's id, and forget the oldest."""
        recent = f"{self.recent} {report_id}" if self.recent else report_id
        self.recent = recent.partition(" ")[2] if recent.count(" ") == _KEPT_IDS else recent

    def columns(self, seen: int, reported: int | None, stale_at: int | None) -> Record:
        """The contact row's new values, in the order of ``WRITE``."""
        return (
            seen,
            reported,
            self.collected_at,
            self.report_order,
            self.facts_run_at,
            self.recent,
            _encode(self.evaluated).decode(),
            stale_at,
            self.run_id,
            self.number,
        )

    def facts(self, absorbed: Absorbed, heard: bytes | None) -> Record:
        """The posture row's new values, in the order of ``WRITE_FACTS``."""
        passed, failed, errored, not_applicable = absorbed.posture
        return (
            bitmap(passed),
            bitmap(failed),
            bitmap(errored),
            bitmap(not_applicable),
            heard,
            bitmap(absorbed.reported),
            self.added,
            self.turns,
            self.number,
        )

    def gives_way(self, collected: int, report_id: str, *, answers_run: bool) -> bool:
        """Whether a report replaces what is stored: by run first, then by the machine's own clock."""
        if self.collected_at is None:
            return True
        if answers_run and (self.run_issued_at or 0) > (self.facts_run_at or 0):
            return True
        return (collected, report_id) > (self.collected_at, self.report_order or "")


def spoken_for(submission: Submission, found: dict[str, Dealings]) -> Dealings:
    """What is known of the machine that speaks.

    Raises:
        UnauthenticatedError: The token is not the machine's, or the machine is not approved.
    """
    known = found.get(submission.token_hash)
    if known is None or known.uuid != submission.machine_uuid:
        raise UnauthenticatedError("the agent's token is not valid any more; enrol again")
    if known.status != "approved":
        raise UnauthenticatedError("the machine is not approved; ask an administrator")
    return known


def heard_under(catalog: Catalog, asked: int) -> bytes:
    """What, behind the digest of a list of results, makes its repetition change nothing.

    The same catalog and the same question: then the same results lead to the same posture.
    """
    question = asked.to_bytes((asked.bit_length() + 7) // 8, "little")
    return hashlib.blake2b(catalog.fingerprint + question, digest_size=8).digest()


_READ: Final = (
    "SELECT t.hash, m.status, m.number, m.uuid, m.os, m.tags, m.approved_at,"
    " c.collected_at, c.report_order, c.facts_run_at, c.recent, c.evaluated,"
    " c.run_id, c.run_issued_at, c.run_policies, c.run_asked,"
    " p.passed, p.failed, p.errored, p.not_applicable, p.heard, p.spoke, p.added, p.turns,"
    " e.stored_at, e.digest,"
    " s.hundredths, s.risk, s.compliant"
    " FROM machine_token t JOIN machine m ON m.number = t.machine"
    " JOIN contact c ON c.machine = m.number"
    " LEFT JOIN posture p ON p.machine = m.number"
    " LEFT JOIN evidence e ON e.machine = m.number"
    " LEFT JOIN score s ON s.slot = ? AND s.machine = m.number AND s.policy = 0"  # OVERALL
    " WHERE t.hash IN ({}) AND t.pending = 0"
)
_READ_SCORES: Final = (
    "SELECT machine, policy, hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant"
    " FROM score WHERE slot = ? AND machine IN ({})"
)
_MOST: Final = 64


def read(db: Session, slot: int, hashes: Sequence[str]) -> dict[str, Record]:
    """What is stored of the machines that these tokens speak for, by the token's hash."""
    return {row[0]: row for row in _portions(db, _READ, slot, hashes)}


def read_scores(db: Session, slot: int, numbers: Sequence[int]) -> dict[int, dict[int, Figures]]:
    """The stored scores of these machines, by machine and then by the key of their row."""
    found: dict[int, dict[int, Any]] = {number: {} for number in numbers}
    for number, key, *figures in _portions(db, _READ_SCORES, slot, numbers):
        found[number][key] = tuple(figures)
    return found


def _portions(
    db: Session, sql: str, slot: int, asked: Sequence[str] | Sequence[int]
) -> list[Record]:
    """The rows for so many keys, by statements of few sizes, so that each is compiled once."""
    found: list[Record] = []
    for start in range(0, len(asked), _MOST):
        portion: list[Value] = list(asked[start : start + _MOST])
        # A statement that is too large by half costs less than three smaller ones.
        size = 1 << (len(portion) - 1).bit_length()
        keys = portion + portion[-1:] * (size - len(portion))
        found += db.all(_sized(sql, size), (slot, *keys))
    return found


@cache
def _sized(sql: str, count: int) -> str:
    return sql.format(", ".join("?" * count))


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
    "INSERT INTO posture (passed, failed, errored, not_applicable, heard, spoke, added, turns, machine)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (machine) DO UPDATE SET"
    " passed = excluded.passed, failed = excluded.failed, errored = excluded.errored,"
    " not_applicable = excluded.not_applicable, heard = excluded.heard, spoke = excluded.spoke,"
    " added = excluded.added, turns = excluded.turns"
)
