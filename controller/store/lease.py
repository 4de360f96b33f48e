"""One writer: who holds the store is a row with a fencing number, looked at in every transaction.

A lock on a file keeps a second controller out, as long as the lock works and the file is the same
one. Where it does not, the newest controller wins: it takes the next number, and whoever holds an
older one can commit nothing any more, however long it was asleep.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.errors import LeaseLostError
from controller.store.columns import to_json
from controller.store.driver import Record, Session

LOOK: Final = "SELECT value FROM meta WHERE name = 'lease'"


@dataclass(frozen=True, slots=True)
class Lease:
    """What one controller took."""

    row: str
    """What stands in the store for as long as it is its own."""

    def check(self, found: Record | None) -> None:
        """Refuse to go on once the row is another's.

        Raises:
            LeaseLostError: Naming who took over.
        """
        if found is None or found[0] != self.row:
            raise LeaseLostError(_lost(found))


def take(session: Session, holder: str, as_of: datetime) -> Lease:
    """Take the store over, from whoever has it.

    Args:
        session: A transaction that may write.
        holder: Who takes it, for people.
        as_of: Now.
    """
    found = session.one(LOOK)
    number = 1 + (json.loads(found[0])["number"] if found else 0)
    # The mark tells two apart that count from the same backup.
    since = as_of.isoformat(timespec="seconds")
    row = to_json(
        {"number": number, "holder": holder, "since": since, "mark": secrets.token_hex(8)}
    )
    session.run(
        "INSERT INTO meta (name, value) VALUES ('lease', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (row,),
    )
    return Lease(row)


def _lost(found: Record | None) -> str:
    if found is None:
        return "the store was replaced while this controller ran; nothing more is written"
    by = json.loads(found[0])
    return (
        f"another controller ({by['holder']}, since {by['since']}) has taken this data folder over; "
        "this one writes nothing more and ends: run one controller for each data folder"
    )
