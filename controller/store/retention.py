"""Let history go that is older than what is kept: a few machines at a time, once a day all of them.

Then the room that it took goes back to the file system, also a portion at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from controller.store.columns import instant
from controller.store.outcome_times import OutcomeTimes

PORTION: Final = 500
"""Machines that one step looks at; it bounds how long others wait."""
PAGES: Final = 512
"""How many pages (of 4 KiB) one step gives back."""
_SWEPT: Final = "compacted"


class RetentionWriting(OutcomeTimes):
    """Deletes of what is over."""

    def compact(self, as_of: datetime, keep: timedelta) -> bool:
        day = as_of.date().isoformat()
        swept = self.meta(_SWEPT) or {"day": "", "machine": 0}
        if swept["day"] == day and swept["machine"] is None:
            return self.db.give_back(PAGES)
        before = instant(as_of - keep)
        first = swept["machine"] if swept["day"] == day else 0
        if first == 0:
            self._forget_fleet_events(before)
        row = self.db.one(
            "SELECT max(number) FROM (SELECT number FROM machine WHERE number > ?"
            " ORDER BY number LIMIT ?) AS portion",
            (first, PORTION),
        )
        last = row[0] if row else None
        if last is not None:
            self._keep_times(first, last, before)
            self.db.run(
                "DELETE FROM machine_change WHERE machine > ? AND machine <= ? AND at < ?",
                (first, last, before),
            )
        self.set_meta(_SWEPT, {"day": day, "machine": last})
        return last is not None or self.db.give_back(PAGES)

    def _keep_times(self, first: int, last: int, before: int) -> None:
        """Pack the times of machines that have them in history which is about to go."""
        rows = self.db.all(
            "SELECT DISTINCT c.machine FROM machine_change c"
            " LEFT JOIN outcome_time t ON t.machine = c.machine"
            " WHERE c.machine > ? AND c.machine <= ? AND c.at < ?"
            " AND c.number > coalesce(t.change, 0) AND c.outcomes <> '[]'",
            (first, last, before),
        )
        for (number,) in rows:
            self.pack_turns(number)
        self.db.many("UPDATE posture SET turns = 0 WHERE machine = ?", rows)

    def _forget_fleet_events(self, before: int) -> None:
        """What fleet-wide changes did, except the one that is going on."""
        going_on = self.judged().event or 0
        old = "SELECT number FROM fleet_event WHERE at < ? AND number <> ?"
        self.db.run(f"DELETE FROM fleet_score WHERE event IN ({old})", (before, going_on))  # noqa: S608
        self.db.run("DELETE FROM fleet_event WHERE at < ? AND number <> ?", (before, going_on))
        self.db.run("DELETE FROM event WHERE at < ?", (before,))
