"""What the rest of the program asks of a store, in domain verbs.

A ``Reading`` is one consistent snapshot; a ``Writing`` is one transaction, which also reads. Nothing
above this line knows tables or SQL. All times are aware UTC; ``as_of`` is always given by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from controller.errors import LeaseLostError
from controller.store.port.configuration import ConfigurationReading, ConfigurationWriting
from controller.store.port.credentials import CredentialsReading, CredentialsWriting, Principal
from controller.store.port.fleet import FleetReading
from controller.store.port.machines import MachinesReading, MachinesWriting
from controller.store.port.outbox import OutboxReading, OutboxWriting
from controller.store.port.reports import ReportsWriting
from controller.store.port.sources import SourcesReading, SourcesWriting
from controller.store.port.trail import TrailReading, TrailWriting


class Reading(
    ConfigurationReading,
    MachinesReading,
    FleetReading,
    SourcesReading,
    CredentialsReading,
    TrailReading,
    OutboxReading,
    Protocol,
):
    """One consistent snapshot of the store."""


class Writing(
    Reading,
    ConfigurationWriting,
    MachinesWriting,
    ReportsWriting,
    SourcesWriting,
    CredentialsWriting,
    TrailWriting,
    OutboxWriting,
    Protocol,
):
    """One transaction; committed when its block ends, rolled back when it raises."""


class Store(Protocol):
    """A place where one controller keeps its state."""

    def read(self) -> AbstractContextManager[Reading]: ...
    def write(self) -> AbstractContextManager[Writing]:
        """Begin a transaction.

        Raises:
            StoreUnavailableError: The store is locked or full.
            LeaseLostError: Another controller has taken the store over.
        """
        ...

    def take_over(self, holder: str, as_of: datetime) -> None:
        """Make this the one controller that writes; whoever did before can no longer.

        Args:
            holder: Who takes it, for people.
            as_of: Now.
        """
        ...

    @property
    def lease(self) -> str | None:
        """What shows that this is the controller; none before ``take_over``."""
        ...

    def join(self, row: str) -> None:
        """Write for the controller that has this lease, in a process of its own."""
        ...

    def lend(self) -> AbstractContextManager[None]:
        """Begin no transaction until the block ends: another process of this controller writes."""
        ...

    def lend_now(self) -> Callable[[], None] | None:
        """As ``lend``, if nobody writes or waits to; what is returned ends it. Never waits."""
        ...

    def check_lease(self) -> None:
        """Raise LeaseLostError when another controller has taken the store over."""
        ...

    @property
    def lost(self) -> LeaseLostError | None:
        """What a write or ``check_lease`` has raised, once the store was taken over."""
        ...

    def integrity(self) -> list[str]:
        """What the database finds wrong with its own files; empty when nothing."""
        ...

    def change(self) -> int:
        """As ``Reading.change``, without opening a snapshot."""
        ...

    def bearer(self, token_hash: str, as_of: datetime) -> Principal | None:
        """As ``Reading.principal``, without opening a snapshot: quick enough for an event loop."""
        ...

    def ping(self) -> None:
        """Raise StoreError when the store cannot be read."""
        ...

    def close(self) -> None: ...
