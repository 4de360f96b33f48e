"""A machine that names another one: refused like any mistake, and kept, for it may be none.

Every attempt is counted. The audit trail gets one row in ten minutes for each machine that does it, so
that whoever holds an agent's token cannot fill the disk.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, Literal

from starlette.concurrency import run_in_threadpool

from controller.api.metrics import Metrics
from controller.api.services import Services
from controller.errors import StoreError
from controller.store.port.sources import Event

FOREIGN_MACHINE: Final = "ForeignMachine"
"""The reason of an event: a machine's token was used to speak for another machine."""
AGAIN: Final = timedelta(minutes=10)
_MOST_REMEMBERED: Final = 10_000
_LONGEST: Final = 64
_log = logging.getLogger(__name__)

Where = Literal["path", "body"]


class ForeignNames:
    """Notes what machines were named by others. One per process."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._noted: OrderedDict[str, datetime] = OrderedDict()

    async def note(self, own: str, named: str, where: Where) -> None:
        """Keep that a machine named another. Never raises; its own name is no matter.

        Args:
            own: Whose token it was.
            named: What it named, as it came.
            where: In what part of the request.
        """
        if named == own:
            return
        self._metrics.foreign_machines.labels(where).inc()
        named = named[:_LONGEST]
        now = self._services.clock()
        if self._is_due(own, now):
            await run_in_threadpool(self._keep, own, named, where, now)

    def _is_due(self, own: str, now: datetime) -> bool:
        last = self._noted.get(own)
        if last is not None and now - last < AGAIN:
            return False
        self._noted[own] = now
        self._noted.move_to_end(own)
        if len(self._noted) > _MOST_REMEMBERED:
            self._noted.popitem(last=False)
        return True

    def _keep(self, own: str, named: str, where: Where, now: datetime) -> None:
        about = f"machine/{own}"
        message = f"its token was used to speak for machine {named!r} ({where}); it was refused"
        try:
            with self._services.store.write() as writing:
                detail = {"named": named, "where": where}
                writing.add_audit(f"agent:{own}", "foreign-machine", about, now, detail=detail)
                event = Event(now, about, FOREIGN_MACHINE, "", message)
                if writing.add_event(event):
                    writing.tell(event)
        except StoreError:
            _log.exception("%s could not be noted: %s", about, message)
