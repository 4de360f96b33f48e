"""A controller's second process, as an operator may meet it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import psutil
import pytest

from controller.store.store import open_store
from tests.integration.served import DEADLINE, Served, gitward, until
from tests.reconcile.repository import Repository

Serve = Callable[..., Served]


def recording(served: Served) -> psutil.Process | None:
    """The process that records, once it runs its own program."""
    for each in psutil.Process(served.process.pid).children():
        if "controller.recording" in each.cmdline():
            return each
    return None


def test_its_end_costs_no_report_and_is_counted(repository: Repository, serve: Serve) -> None:
    served = serve(repository.path)
    admin = served.client()
    served.until_applied(admin, repository.head)
    agent = served.enroll()
    first = until(lambda: recording(served), "a process that records")

    for number in range(30):
        if number == 10:
            first.kill()
        answer = agent.report(ssh_root="failed" if number % 2 else "passed")
        assert answer["changed"] == 1

    def counted() -> bool:
        return "gitward_recording_losses_total 1.0" in admin.get(f"{served.url}/metrics").text

    until(counted, "a loss counted")
    assert any(
        "process that records reports is lost (it ended with signal 9)" in each
        for each in served.errors
    )
    assert served.stop() == 0
    assert gitward("verify", "--data", str(served.data)).returncode == 0
    with closing(open_store(served.data)) as store, store.read() as reading:
        turns = reading.outcome_history(agent.uuid, datetime(2000, 1, 1, tzinfo=UTC))
    assert len(turns) == 30  # from nothing to the first outcome, too


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_controller_however_that_ends(
    repository: Repository, serve: Serve, end: signal.Signals
) -> None:
    served = serve(repository.path)
    second = until(lambda: recording(served), "a process that records")
    served.process.send_signal(end)
    served.process.wait(DEADLINE)
    until(lambda: not second.is_running(), "its end")
