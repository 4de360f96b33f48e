"""A snapshot that answers the costly questions of a page once, however many of its parts ask."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, cast

from controller.store.port.configuration import InForce
from controller.store.port.fleet import FleetTotals
from controller.store.port.store import Reading


class _Remembering:
    """Everything else goes to the snapshot itself."""

    def __init__(self, reading: Reading, as_of: datetime) -> None:
        self._reading = reading
        self._as_of = as_of

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a snapshot has
        return getattr(self._reading, name)

    @cached_property
    def _totals(self) -> FleetTotals:
        return self._reading.fleet_totals(self._as_of)

    @cached_property
    def _in_force(self) -> InForce:
        return self._reading.in_force()

    def fleet_totals(self, as_of: datetime) -> FleetTotals:
        return self._totals if as_of == self._as_of else self._reading.fleet_totals(as_of)

    def in_force(self) -> InForce:
        return self._in_force


def remembering(reading: Reading, as_of: datetime) -> Reading:
    """The snapshot, for one page at one moment."""
    return cast("Reading", _Remembering(reading, as_of))
