"""Check definitions and their bit positions: known ones keep theirs, new ones come at the end."""

from __future__ import annotations

from controller.model.documents import Check
from controller.model.posture import definition_digest
from controller.store.driver import Session


class Definitions:
    """Positions within one transaction. ``write`` must be called before it ends."""

    def __init__(self, db: Session, *, all_at_once: bool = False) -> None:
        """Read nothing yet, or all that is known, which is quicker for many."""
        self._db = db
        self._all: dict[tuple[str, str], int] | None = None
        if all_at_once:
            rows = db.all("SELECT check_id, digest, position FROM definition")
            self._all = {(check_id, digest): position for check_id, digest, position in rows}
        self._new: dict[tuple[str, str], int] = {}
        self._next: int | None = None

    def position(self, check: Check) -> int:
        """Where a check's outcome stands in a posture."""
        key = (check.id, definition_digest(check))
        known = self._new.get(key)
        if known is None:
            known = self._stored(key)
        if known is None:
            known = self._new[key] = self._fresh()
        return known

    def _stored(self, key: tuple[str, str]) -> int | None:
        if self._all is not None:
            return self._all.get(key)
        row = self._db.one("SELECT position FROM definition WHERE check_id = ? AND digest = ?", key)
        return None if row is None else int(row[0])

    def _fresh(self) -> int:
        if self._next is None:
            row = self._db.one("SELECT coalesce(max(position), -1) + 1 FROM definition")
            self._next = int(row[0]) if row else 0
        fresh, self._next = self._next, self._next + 1
        return fresh

    def write(self) -> None:
        """Store the new ones."""
        self._db.many(
            "INSERT INTO definition (position, check_id, digest) VALUES (?, ?, ?)",
            [(position, *key) for key, position in self._new.items()],
        )
        self._new = {}
