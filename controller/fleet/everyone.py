"""Every approved machine of one snapshot, in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.model.machine import Machine
from controller.model.posture import Posture
from controller.store.port.store import Reading

_CHUNK: Final = 2000


def everyone(reading: Reading) -> Iterator[tuple[Machine, Posture]]:
    """Machines with their postures, in the order of their numbers."""
    after = 0
    while chunk := reading.every_machine(after, _CHUNK):
        yield from chunk
        after = chunk[-1][0].number
