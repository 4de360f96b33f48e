"""Commands write beside a controller that hardly ever lets go of the store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from controller.errors import StoreUnavailableError
from controller.store.store import open_store
from tests.cli.runner import run

HOLD, GAP, MOST = 0.05, 0.001, 60
"""Seconds of a step and between two, as in a fleet-wide change; and how many steps there are."""


def test_a_command_gets_in_between_two_steps_of_a_fleet_wide_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = open_store(tmp_path)
    begun, served = threading.Event(), threading.Event()
    steps = []

    def step_by_step() -> None:
        for number in range(MOST):
            with busy.write():
                begun.set()
                steps.append(number)
                served.wait(HOLD)
            if served.wait(GAP):
                return

    thread = threading.Thread(target=step_by_step)
    thread.start()
    begun.wait()
    done = run(capsys, "token", "create", "ada", "--role", "viewer", "--data", tmp_path)
    served.set()
    thread.join()
    busy.close()

    assert (done.code, done.err) == (0, "")
    assert len(steps) < MOST


def test_a_transaction_waits_until_another_process_has_written(tmp_path: Path) -> None:
    first, second = open_store(tmp_path), open_store(tmp_path)
    written = threading.Event()

    def write() -> None:
        with second.write():
            written.set()

    thread = threading.Thread(target=write)
    with first.write():
        thread.start()
        assert not written.wait(0.1)
    assert written.wait(5)
    thread.join()
    first.close()
    second.close()


def test_a_store_that_is_never_free_is_unavailable_and_says_why(tmp_path: Path) -> None:
    first, second = open_store(tmp_path), open_store(tmp_path, patience=0.01)

    with (
        first.write(),
        pytest.raises(StoreUnavailableError, match=r"another process .* for 0\.01 seconds"),
        second.write(),
    ):
        pass

    first.close()
    second.close()
