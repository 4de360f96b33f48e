"""The composition root: the only place that names concrete adapters."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from controller import __version__
from controller.errors import SourceError, StoreInUseError
from controller.model.integrity import AuditHead, Finding
from controller.settings import Settings
from controller.store.port.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

    from controller.intake.recorder.interface import Recorder
    from controller.reconcile.reconciler import PassResult

SIGN_INS_PER_MINUTE = 20
"""Attempts from one address, good and bad together."""
_log = logging.getLogger(__name__)


def open_data(data: Path) -> Store:
    """The store of a data folder, for commands that run beside a controller.

    A person waits longer for a busy controller than a request may.
    """
    from controller.store.store import open_store

    return open_store(data, patience=30)


def back_up(data: Path, target: Path) -> object:
    """Copy a data folder's store to a file; what the copy holds, as text.

    Raises:
        BackupError: With what is in the way.
    """
    from controller.store.sqlite import backup

    return backup.back_up(data, target)


def restore(source: Path, data: Path) -> object:
    """Put a backup into an empty data folder; what it holds, as text.

    Raises:
        BackupError: The file is not a whole backup.
        StoreInUseError: The folder has a store already.
    """
    from controller.store.sqlite import backup

    return backup.restore(source, data)


def sqlite_release() -> str:
    """The SQLite library in use."""
    from controller.store.sqlite.driver import LIBRARY_RELEASE

    return LIBRARY_RELEASE


def git_release() -> str:
    """The git in use.

    Raises:
        SourceError: There is none, or it is too old.
    """
    from controller.source.git import require_git

    return require_git()


@contextlib.contextmanager
def hold(data: Path) -> Iterator[None]:
    """Keep a data folder to one controller; the lock goes when the process does.

    It refuses a second controller at once, where file locks work. What makes it harmless when they do
    not is the store's lease, which every write transaction looks at (docs/adr/0020-one-writer.md).

    Raises:
        StoreInUseError: Another controller holds it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
            raise StoreInUseError(
                f"another controller uses {data}{f' ({holder})' if holder else ''}; stop it, or give "
                "this one its own --data"
            ) from None
        except OSError as error:
            _log.warning(
                "%s cannot be locked (%s); the lease alone guards it", data, error.strerror
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{_this_process()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class Controller:
    """Everything that runs, wired together."""

    settings: Settings
    store: Store
    app: FastAPI
    clock: Callable[[], datetime]
    places: Mapping[str, str]
    """Source to its address without user information."""
    sign_in_path: Callable[[], str]
    """A fresh address of the dashboard that signs in whoever opens it, once, within ten minutes."""
    start: Callable[[], None]
    stop: Callable[[], None]

    def raise_if_lost(self) -> None:
        """Say that another controller has taken the data folder over, once it has.

        Raises:
            LeaseLostError: It has; nothing more was written.
        """
        if self.store.lost is not None:
            raise self.store.lost


def build(settings: Settings, *, on_pass: Callable[[str, PassResult], None]) -> Controller:
    """Wire a controller; nothing runs yet.

    Args:
        settings: As checked.
        on_pass: Told of every finished pass, with the source's name.
    """
    from controller.api.app import create_app
    from controller.api.errors import status_of
    from controller.api.services import Limits, Services
    from controller.api.webhooks.secrets import secrets_of
    from controller.dashboard.app import create_dashboard
    from controller.dashboard.services import Services as DashboardServices
    from controller.intake.intake import Intake
    from controller.reconcile.health import HealthWatch
    from controller.schedule.clock import SteadyClock
    from controller.schedule.loop import Timekeeper
    from controller.wiring import Sources, Telling

    clock = SteadyClock()
    store = open_data(settings.data)
    store.take_over(_this_process(), clock())
    running = Sources(settings, store, clock=clock, done=on_pass)
    recorder = _recorder(store, settings.data)
    intake = Intake(recorder)
    keep = timedelta(days=settings.operator.keep_days)
    timekeeper = Timekeeper(store, clock, keep=keep)
    previewer = running.previewer()
    proposer = running.proposer(enabled=settings.operator.proposals)
    services = Services(
        store=store,
        intake=intake,
        clock=clock,
        monotonic=time.monotonic,
        read_file=running.read_file,
        wake=running.wake,
        hint=running.hint,
        webhook_secrets=lambda source: secrets_of(source, os.environ),
        version=__version__,
        loopback=settings.loopback,
        poll_interval_seconds=settings.operator.agent_poll,
        limits=Limits(
            user_requests_per_minute=settings.operator.user_requests_per_minute,
            anonymous_requests_per_minute=settings.operator.address_requests_per_minute,
        ),
        tally=running.tally,
        recording_losses=lambda: recorder.losses,
        preview=previewer,
        proposals=proposer,
    )
    pages = DashboardServices(
        store=store,
        clock=clock,
        wake=running.wake,
        version=__version__,
        status_of=status_of,
        seconds_to_wait=_sign_in_limit(),
        preview=previewer,
        proposals=proposer,
        secure=settings.tls_cert is not None,
    )
    telling = Telling(settings, store, clock=clock)
    stopping = threading.Event()
    ticking = threading.Thread(target=timekeeper.run, args=(stopping,), name="time", daemon=True)

    health = HealthWatch(store, clock)
    watching = threading.Thread(target=health.run, args=(stopping,), name="health", daemon=True)

    def start() -> None:
        telling.subscribe()
        running.register()
        intake.start()
        ticking.start()
        watching.start()
        running.start()
        telling.start()

    def stop() -> None:
        stopping.set()
        running.stop()
        intake.stop()
        for thread in (ticking, watching):
            if thread.is_alive():
                thread.join(10)
        telling.stop()
        running.close()
        store.close()

    def sign_in_path() -> str:
        return f"/sign-in?code={pages.codes.issue(clock())}"

    app = create_app(services, fallback=create_dashboard(pages))
    return Controller(settings, store, app, clock, running.places, sign_in_path, start, stop)


def _recorder(store: Store, data: Path) -> Recorder:
    """Whoever puts reports on disk: with more than one processor, a process of its own."""
    from controller.intake.recorder.direct import DirectRecorder
    from controller.intake.recorder.process import ProcessRecorder

    if len(os.sched_getaffinity(0)) > 1:
        return ProcessRecorder(store, data)
    return DirectRecorder(store)


def _sign_in_limit() -> Callable[[str | None], int]:
    """Count attempts to sign in by address; seconds to wait once there were too many."""
    from controller.api.rate_limit import RateLimiter, address_key

    limiter = RateLimiter(time.monotonic)

    def seconds_to_wait(host: str | None) -> int:
        allowance = limiter.charge(address_key(host), SIGN_INS_PER_MINUTE)
        return allowance.resets_in if allowance.exceeded else 0

    return seconds_to_wait


@dataclass(frozen=True, slots=True)
class Examined:
    """What looking a data folder through has found."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """What could not be compared, and why."""
    audit_rows: int
    machines: int
    objects: int
    audit_head: AuditHead | None

    @property
    def sound(self) -> bool:
        return not self.findings


def examine(data: Path, as_of: datetime, kept: AuditHead | None = None) -> Examined:
    """Look a data folder through, beside a running controller or without one.

    Args:
        data: The folder.
        as_of: Now.
        kept: A head of the audit trail that was kept elsewhere.
    """
    from controller.reconcile.inventory import check_inventory

    findings: list[Finding] = []
    notes: list[str] = []
    with contextlib.closing(open_data(data)) as store:
        findings += [Finding("database", "gitward.db", each) for each in store.integrity()]
        with store.read() as reading:
            findings += reading.verify_trail()
            if kept is not None and reading.audit_hash(kept.number) != kept.hash:
                message = "is not the row whose hash was kept elsewhere: the trail was rewritten"
                findings.append(Finding("audit", f"audit row {kept.number}", message))
            findings += reading.verify_scores()
            for status in reading.sources():
                try:
                    findings += check_inventory(reading, status, data)
                except SourceError as error:
                    notes.append(f"source {status.name}: {error}")
            in_force = reading.in_force()
            return Examined(
                tuple(findings),
                tuple(notes),
                reading.audit(1, 1).total,
                reading.fleet_totals(as_of).overall.agents,
                len(in_force.policies) + len(in_force.checks) + len(in_force.waivers),
                reading.audit_head(),
            )


def local_enrollment_key(store: Store, as_of: datetime) -> str:
    """An enrolment key for the agent that a controller runs beside itself: one use, one hour."""
    key = "gwe_" + secrets.token_urlsafe(32)
    with store.write() as transaction:
        transaction.add_enrollment_key(
            secrets.token_hex(8),
            "local agent",
            sha256(key.encode()).hexdigest(),
            tags=(),
            uses=1,
            actor="gitward serve",
            as_of=as_of,
            expires_at=as_of + timedelta(hours=1),
        )
    return key


def evaluate_at_once(store: Store, uuid: str, as_of: datetime) -> bool:
    """Ask for a fresh evaluation of one machine; false when the store does not know it."""
    with store.write() as transaction:
        machine = transaction.machine(uuid)
        if machine is None:
            return False
        for policy_id in transaction.in_force().rulebook.matching(machine.os, machine.tags):
            transaction.request_execution(policy_id, (uuid,), actor="gitward serve", as_of=as_of)
    return True
