"""Since when outcomes stand, and when they first failed: packed, and in the history since then."""

from __future__ import annotations

from typing import Final

import msgspec

from controller.store.columns import Times, pack_times, unpack_times
from controller.store.context import Context

MOST_TURNS: Final = 64
"""Reports that may have turned outcomes since times were packed; more, and they are packed anew.

Packing costs as much as a third of a report; what turned is written into the history anyway.
"""
_SECOND: Final = 1_000_000


class OutcomeTimes(Context):
    """Reads and writes of times."""

    def times_of(self, number: int) -> dict[int, Times]:
        """A machine's times by definition position."""
        return self._times_until_now(number)[0]

    def save_times(self, number: int, times: dict[int, Times]) -> None:
        """Pack a machine's times, as they are with everything in its history."""
        self._pack(number, times, self._newest(number))

    def pack_turns(self, number: int) -> None:
        """Take what turned since times were packed into them."""
        self._pack(number, *self._times_until_now(number))

    def _times_until_now(self, number: int) -> tuple[dict[int, Times], int]:
        """A machine's times, and the newest row of its history that is in them."""
        row = self.db.one("SELECT change, body FROM outcome_time WHERE machine = ?", (number,))
        last, times = (row[0], unpack_times(row[1])) if row else (0, {})
        for change, at, outcomes in self.db.all(
            "SELECT number, at, outcomes FROM machine_change WHERE machine = ? AND number > ?"
            " AND outcomes <> '[]' ORDER BY number",
            (number, last),
        ):
            last, seconds = change, at // _SECOND
            for position, _, after in msgspec.json.decode(outcomes):
                first = times[position].first_failed if position in times else 0
                times[position] = Times(seconds, first or (seconds if after == "failed" else 0))
        return times, last

    def _newest(self, number: int) -> int:
        row = self.db.one("SELECT max(number) FROM machine_change WHERE machine = ?", (number,))
        return int(row[0]) if row and row[0] is not None else 0

    def _pack(self, number: int, times: dict[int, Times], last: int) -> None:
        self.db.run(
            "INSERT INTO outcome_time (machine, change, body) VALUES (?, ?, ?)"
            " ON CONFLICT (machine) DO UPDATE SET change = excluded.change, body = excluded.body",
            (number, last, pack_times(times)),
        )
