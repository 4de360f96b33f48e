"""Deliveries of webhooks that were taken, so that one sent again is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from controller.store.columns import instant
from controller.store.context import Context

KEPT: Final = timedelta(days=7)
"""Hosts send a delivery again within hours; one that comes later is taken as new, which is harmless."""


class DeliveriesWriting(Context):
    """Writes about webhooks."""

    def note_delivery(self, source: str, provider: str, id: str, as_of: datetime) -> bool:
        self.db.run("DELETE FROM delivery WHERE at < ?", (instant(as_of - KEPT),))
        added = self.db.run(
            "INSERT INTO delivery (source, provider, id, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (source, provider, id, instant(as_of)),
        )
        return added > 0
