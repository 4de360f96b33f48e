"""Whether the audit trail is the one that was written: the first wrong row is named. Pure over rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from controller.model.integrity import AuditHead, Finding
from controller.store.audit import FIRST, chained
from controller.store.driver import Record

_MOST_CANDIDATES: Final = 100_000
"""Hashes that a misplaced row is tried against."""


def check_trail(rows: Iterable[Record], head: AuditHead | None) -> Iterator[Finding]:
    """Follow the chain.

    Args:
        rows: Number, hash, then the hashed columns, in order of number.
        head: As kept beside the trail; none before the first row.
    """
    previous_number, previous = 0, FIRST
    hashes: dict[str, int] = {FIRST: 0}
    broken: list[tuple[int, int, str, tuple[object, ...]]] = []
    last: AuditHead | None = None
    for number, digest, *columns in rows:
        if chained(previous, tuple(columns)) != digest:
            broken.append((previous_number, number, digest, tuple(columns)))
        if len(hashes) < _MOST_CANDIDATES:
            hashes[digest] = number
        previous_number, previous = number, digest
        last = AuditHead(number, digest)
    for row in broken:
        yield _explained(*row, hashes)
    yield from _end(last, head)


def _explained(
    before: int, number: int, digest: str, columns: tuple[object, ...], hashes: dict[str, int]
) -> Finding:
    """What happened to a row that does not follow the one before it."""
    about = f"audit row {number}"
    for other, follows in hashes.items():
        if chained(other, columns) == digest:
            place = f"row {follows}" if follows else "the very first row"
            return Finding("audit", about, f"was moved: it was written right after {place}")
    if number > before + 1:
        gone = f"{before + 1}" if number == before + 2 else f"{before + 1} to {number - 1}"
        return Finding("audit", f"audit row {gone}", f"was removed, before row {number}")
    return Finding("audit", about, "was edited, or the row before it was replaced")


def _end(last: AuditHead | None, head: AuditHead | None) -> Iterator[Finding]:
    if head == last:
        return
    if head is None:
        yield Finding("audit", "the end of the audit trail", "the mark of its end was removed")
    elif last is None or last.number < head.number:
        first = (last.number if last else 0) + 1
        gone = f"{first}" if first == head.number else f"{first} to {head.number}"
        yield Finding("audit", f"audit row {gone}", "was removed from the end of the trail")
    elif last.number > head.number:
        message = f"was added behind the end of the trail, which was row {head.number}"
        yield Finding("audit", f"audit row {last.number}", message)
    # Equal numbers with another hash: the chain or the row's own hash has told it already, unless
    # the last row was replaced together with its hash.
    elif last.hash != head.hash:
        yield Finding("audit", f"audit row {last.number}", "was replaced, hash and all")
