"""What a change of judgement did to the fleet as a whole: the totals before it and after it.

A commit, an exception's start or end and a write through the API each leave one row. A change that is
taken in chunks is complete, and measured, when readers come to see it; until then ``after`` is empty.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from controller.scoring.ledger import OVERALL
from controller.store.columns import instant
from controller.store.context import Context
from controller.store.driver import Record
from controller.store.port.fleet import Cause
from controller.store.staleness import Staleness

TOTAL_COLUMNS: Final = (
    "agents, assessed, compliant, score_sum, bare_assessed, bare_compliant, bare_score_sum,"
    " critical, high, medium, low, unknown"
)
NO_TOTALS: Final = (0,) * 12


def visible_totals(context: Context) -> Record | None:
    """The overall sums that readers see, in the order of ``TOTAL_COLUMNS``; none before the first."""
    return context.db.one(
        f"SELECT {TOTAL_COLUMNS} FROM total WHERE slot = ? AND policy = ?",  # noqa: S608
        (context.judged().slot, OVERALL),
    )


class Movements(Staleness):
    """Writes of the fleet's course: movements, and the day's point of the trend."""

    def begin_movement(self, cause: Cause, as_of: datetime) -> int:
        """Note the totals before a change; the row's number."""
        self.db.run(
            "INSERT INTO movement (at, cause_kind, cause_ref, cause_detail, before)"
            " VALUES (?, ?, ?, ?, ?)",
            (instant(as_of), cause.kind, cause.ref, cause.detail, self._totals()),
        )
        row = self.db.one("SELECT max(number) FROM movement")
        return int(row[0]) if row else 0

    def end_movement(self, number: int | None = None) -> None:
        """Note the totals after a change: of this row, or of the newest that has none."""
        self.db.run(
            "UPDATE movement SET after = ? WHERE after IS NULL AND number ="
            " coalesce(?, (SELECT max(number) FROM movement WHERE after IS NULL))",
            (self._totals(), number),
        )

    def _totals(self) -> str:
        return json.dumps(visible_totals(self) or NO_TOTALS)

    def set_trend(self, as_of: datetime) -> None:
        """Write the day's point: the counters as they stand."""
        row = visible_totals(self)
        if row is not None:
            self.db.run(
                "INSERT INTO trend (day, body) VALUES (?, ?)"
                " ON CONFLICT (day) DO UPDATE SET body = excluded.body",
                (as_of.date().isoformat(), json.dumps(row)),
            )
