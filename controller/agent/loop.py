"""The agent's life: enrol, ask what is due, evaluate, report, wait."""

from __future__ import annotations

import os
import platform
import random
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from controller import __version__
from controller.agent import identity as identities
from controller.agent import osqueryi
from controller.agent.client import MOST_WAIT, Client, check_address
from controller.agent.identity import Identity
from controller.agent.runner import Query, evaluate
from controller.agent.spool import Spool
from controller.agent.wire import Receipt, Work, report_body
from controller.agent.worker import Worker
from controller.errors import (
    ControllerError,
    RemoteRefusedError,
    TryLaterError,
    UsageError,
)
from controller.model.report import Report

FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 300.0
"""Seconds between tries of something that fails, at first and at most."""
REFUSED_WAIT: Final = 300.0
"""Seconds until a controller that refused this agent is asked again."""
_UNKNOWN_TOKEN: Final = 401
_UNKNOWN_MACHINE: Final = 404


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How to run an agent."""

    server: str
    state: Path
    enrollment_key: str | None = None
    """Needed until this machine is enrolled."""
    osqueryi: Path | None = None
    ca_file: Path | None = None
    insecure_http: bool = False


def run_agent(
    options: AgentOptions, stop: threading.Event, on_event: Callable[[str], None]
) -> None:
    """Keep this machine evaluated and reported until ``stop`` is set.

    ``on_event`` is told in one line what happens, from the calling thread.

    Raises:
        UsageError: The options cannot work, now or later.
    """
    with _agent(options, stop, on_event) as agent:
        failures = 0
        while not stop.is_set():
            try:
                wait = agent.round()
                failures = 0
            except UsageError:
                raise
            except (ControllerError, OSError) as error:
                failures += 1
                wait = wait_after(error, failures, random.random())  # noqa: S311 - spread
                on_event(f"{error}; next try in {wait:.0f} s")
            stop.wait(wait)
    on_event("stopped")


def run_once(options: AgentOptions, stop: threading.Event, on_event: Callable[[str], None]) -> None:
    """Do one round.

    Raises:
        ControllerError: It could not be done; a report that was made stays to be sent later.
    """
    with _agent(options, stop, on_event) as agent:
        try:
            agent.round()
        except OSError as error:
            raise TryLaterError(f"{options.state} cannot be written: {error}") from error


def wait_after(error: Exception, failures: int, chance: float) -> float:
    """Seconds to wait after the failure number ``failures`` in a row; ``chance`` is in [0, 1).

    What the controller asked for is kept and stretched by up to a tenth; otherwise waits double up to
    a limit and a random part of up to half is taken off, so that a fleet does not come back at once.
    """
    after = error.after if isinstance(error, TryLaterError) else None
    if after is not None:
        return min(max(after, 1.0), MOST_WAIT) * (1 + chance / 10)
    longest = min(FIRST_WAIT * (1 << min(failures - 1, 16)), LONGEST_WAIT)
    if isinstance(error, RemoteRefusedError):
        longest = REFUSED_WAIT
    return longest * (1 - chance / 2)


def machine_facts() -> dict[str, str]:
    """What a machine says of itself when it enrols."""
    system = {"win32": "windows", "darwin": "darwin"}.get(sys.platform, "linux")
    try:
        version = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        version = platform.platform(terse=True)
    return {
        "hostname": socket.gethostname() or "unknown",
        "os": system,
        "arch": platform.machine(),
        "agent_version": __version__,
        "os_version": version,
    }


@contextmanager
def _agent(
    options: AgentOptions, stop: threading.Event, on_event: Callable[[str], None]
) -> Iterator[_Agent]:
    server = check_address(options.server, insecure_http=options.insecure_http)
    osqueryi.find(options.osqueryi)
    held = identities.claim(options.state)
    try:
        with Client(server, ca_file=options.ca_file, insecure_http=options.insecure_http) as client:
            yield _Agent(options, client, stop, on_event)
    finally:
        os.close(held)


@contextmanager
def open_query(osqueryi_path: Path | None, stopped: Callable[[], bool]) -> Iterator[Query]:
    """What answers queries: osqueryi where there is one, else our own tables."""
    program = osqueryi.find(osqueryi_path)
    if program is not None:
        yield lambda sql: osqueryi.run_query(program, sql, stopped=stopped)
    else:
        with Worker(stopped=stopped) as worker:
            yield worker.query


class _Agent:
    """An agent between two stops."""

    def __init__(
        self,
        options: AgentOptions,
        client: Client,
        stop: threading.Event,
        on_event: Callable[[str], None],
    ) -> None:
        self._options = options
        self._client = client
        self._stop = stop
        self._say = on_event
        self._spool = Spool(options.state / "spool", on_event)

    def round(self) -> float:
        """Do what is due and return how many seconds to wait."""
        identity = self._identity()
        try:
            return self._round(identity)
        except RemoteRefusedError as error:
            if error.status != _UNKNOWN_TOKEN:
                raise
            self._say(f"{error}; enrolling again")
        return self._round(self._enrolled_again(identity))

    def _round(self, identity: Identity) -> float:
        self._flush(identity)
        work = self._client.work(identity)
        if not isinstance(work, Work):
            return min(max(work, 1.0), MOST_WAIT)
        body = self._evaluate(work)
        if body is not None:
            report_id, text = body
            self._deliver(identity, report_id, text)
        return min(max(work.poll_after_seconds, 1.0), MOST_WAIT)

    def _evaluate(self, work: Work) -> tuple[str, bytes] | None:
        collected_at = datetime.now(UTC)
        with open_query(self._options.osqueryi, self._stop.is_set) as query:
            results = evaluate(work.asked(), query, self._stop.is_set)
        if results is None:
            return None
        report = Report(str(uuid.uuid4()), collected_at, results, work.run_id)
        return report.report_id, report_body(report)

    def _deliver(self, identity: Identity, report_id: str, body: bytes) -> None:
        try:
            self._spool.put(report_id, body)
        except OSError as error:
            self._say(f"the report cannot be kept on disk ({error}); sending it unkept")
            self._told(report_id, self._client.report(identity, body))
            return
        self._flush(identity)

    def _flush(self, identity: Identity) -> None:
        """Send what waits, oldest first; stops at the first that has to wait longer."""
        for report in self._spool.waiting():
            try:
                receipt = self._client.report(identity, report.path.read_bytes())
            except RemoteRefusedError as error:
                if error.status == _UNKNOWN_TOKEN:
                    raise
                self._say(f"dropped report {report.report_id}: {error}")
            else:
                self._told(report.report_id, receipt)
            self._spool.remove(report)

    def _told(self, report_id: str, receipt: Receipt) -> None:
        score = receipt.score
        shown = "none" if score is None or score.score is None else f"{score.score:.2f}"
        risk = score.risk_level if score else "unknown"
        notes = [word for word in ("duplicate", "superseded") if getattr(receipt, word)]
        outdated = len(receipt.outdated_checks) + len(receipt.unknown_checks)
        notes += [f"{outdated} results not used"] if outdated else []
        self._say(
            f"report {report_id} taken: {receipt.accepted} results, score {shown}, risk {risk}"
            + (f" ({', '.join(notes)})" if notes else "")
        )

    def _identity(self) -> Identity:
        """The identity of an approved machine, enrolling it first where needed."""
        identity = identities.load(self._options.state, self._client.server)
        if identity is None:
            identity = self._register(None)
        if identity.status == "approved":
            return identity
        return self._approved(identity)

    def _approved(self, identity: Identity) -> Identity:
        try:
            status = self._client.enrollment_status(identity)
        except RemoteRefusedError as error:
            if error.status == _UNKNOWN_MACHINE and self._options.enrollment_key:
                return self._register(None)  # the request was discarded
            raise
        if status == "rejected":
            raise RemoteRefusedError(
                "an administrator rejected this machine; ask for its approval", 403
            )
        if status != "approved":
            raise TryLaterError(
                f"machine {identity.uuid} waits for an administrator's approval",
                identity.poll_seconds,
            )
        approved = replace(identity, status=status)
        identities.save(self._options.state, approved)
        self._say(f"machine {identity.uuid} was approved")
        return approved

    def _enrolled_again(self, old: Identity) -> Identity:
        try:
            identity = self._register(old)
        except RemoteRefusedError as error:
            if error.status != _UNKNOWN_MACHINE:
                raise
            identity = self._register(None)  # a controller that never knew this machine
        return identity if identity.status == "approved" else self._approved(identity)

    def _register(self, existing: Identity | None) -> Identity:
        key = self._options.enrollment_key
        if not key:
            raise UsageError(
                "this machine is not enrolled; give --enrollment-key (an administrator makes one "
                "with gitward enrollment-key create)"
            )
        identity = self._client.register(key, machine_facts(), existing)
        identities.save(self._options.state, identity)
        self._say(f"enrolled as {identity.uuid}, {identity.status}")
        return identity
