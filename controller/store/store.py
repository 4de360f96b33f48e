"""The store: snapshots and transactions over a driver."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from controller.errors import LeaseLostError
from controller.store import lease
from controller.store.audit import AuditReading
from controller.store.context import Cache
from controller.store.credentials import CredentialsReading, CredentialsWriting, principal_of
from controller.store.deliveries import DeliveriesWriting
from controller.store.driver import Driver, Record
from controller.store.fleet_read import FleetReading
from controller.store.lease import Lease
from controller.store.machines_read import MachinesReading
from controller.store.machines_write import MachinesWriting
from controller.store.objects_write import ObjectsWriting
from controller.store.outbox import OutboxReading, OutboxWriting
from controller.store.port.credentials import Principal
from controller.store.reports import ReportsWriting
from controller.store.retention import RetentionWriting
from controller.store.sources import SourcesReading
from controller.store.sqlite.driver import PATIENCE, SqliteDriver
from controller.store.verification import VerificationReading


class SqlReading(
    MachinesReading,
    VerificationReading,
    FleetReading,
    SourcesReading,
    CredentialsReading,
    OutboxReading,
    AuditReading,
):
    """One consistent snapshot."""


class SqlWriting(
    ObjectsWriting,
    MachinesWriting,
    ReportsWriting,
    VerificationReading,
    CredentialsWriting,
    DeliveriesWriting,
    OutboxWriting,
    RetentionWriting,
):
    """One transaction."""

    snapshot = False


class SqlStore:
    """One controller's state, behind any driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._cache = Cache()
        self._lease: Lease | None = None
        self._lost: LeaseLostError | None = None

    @contextlib.contextmanager
    def read(self) -> Iterator[SqlReading]:
        with self._driver.reading() as session:
            yield SqlReading(session, self._cache)

    @contextlib.contextmanager
    def write(self) -> Iterator[SqlWriting]:
        with self._driver.writing() as session:
            # What a transaction derives from its own changes is shared only once it has committed.
            cache = self._cache.copy()
            transaction = SqlWriting(session, cache)
            self._check(transaction.begin())
            yield transaction
            transaction.finish()
        self._cache = cache

    def take_over(self, holder: str, as_of: datetime) -> None:
        with self._driver.writing() as session:
            self._lease = lease.take(session, holder, as_of)

    @property
    def lease(self) -> str | None:
        return None if self._lease is None else self._lease.row

    def join(self, row: str) -> None:
        self._lease = Lease(row)

    @contextlib.contextmanager
    def lend(self) -> Iterator[None]:
        with self._driver.idle():
            yield

    def lend_now(self) -> Callable[[], None] | None:
        return self._driver.idle_now()

    def check_lease(self) -> None:
        if self._lease is not None:
            self._check(self._driver.glance(lease.LOOK))

    def _check(self, found: Record | None) -> None:
        if self._lease is None:
            return  # a command beside a controller: its one short transaction is nobody's to refuse
        try:
            self._lease.check(found)
        except LeaseLostError as error:
            self._lost = error
            raise

    @property
    def lost(self) -> LeaseLostError | None:
        return self._lost

    def integrity(self) -> list[str]:
        return self._driver.integrity()

    def change(self) -> int:
        row = self._driver.glance("SELECT value FROM counter WHERE name = 'change'")
        return int(row[0]) if row else 0

    def bearer(self, token_hash: str, as_of: datetime) -> Principal | None:
        return principal_of(self._driver.glance, token_hash, as_of)

    def ping(self) -> None:
        self.change()

    def close(self) -> None:
        self._driver.close()


def open_store(data: Path, *, patience: float = PATIENCE) -> SqlStore:
    """Open the embedded store of a data folder, made private to its owner when it is new.

    Args:
        data: The folder.
        patience: Seconds that a transaction waits while another process writes.

    Raises:
        StoreUnavailableError: The database cannot be opened.
        SchemaMismatchError: A newer release wrote it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqlStore(SqliteDriver(data / "gitward.db", patience))
