from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from controller.errors import LeaseLostError, StoreError
from controller.store.looking import Looks, keep_looking

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_log = logging.getLogger("looking")


def test_a_look_is_due_at_first_after_a_change_and_after_a_minute() -> None:
    looks = Looks()
    assert looks.due(7, NOW)
    looks.looked(7, NOW)

    assert not looks.due(7, NOW + timedelta(seconds=59))
    assert looks.due(8, NOW + timedelta(seconds=1))
    assert looks.due(7, NOW + timedelta(minutes=1))


def _steps(stop: threading.Event, *outcomes: Exception | None) -> Callable[[], None]:
    """A step that comes to these ends one after the other, and tells to stop with the last."""
    left = list(outcomes)

    def step() -> None:
        outcome = left.pop(0)
        if not left:
            stop.set()
        if outcome is not None:
            raise outcome

    return step


def test_a_look_that_fails_is_said_and_the_next_one_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = threading.Event()
    step = _steps(stop, StoreError("the disk is full"), ZeroDivisionError(), None)

    with caplog.at_level(logging.WARNING):
        keep_looking(step, stop, 0.001, "looking", _log)

    assert stop.is_set()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["looking did not work: the disk is full", "this is a bug: looking failed"]


def test_nobody_looks_on_once_another_controller_has_the_store() -> None:
    stop = threading.Event()
    keep_looking(_steps(stop, LeaseLostError("taken over"), None), stop, 0.001, "looking", _log)

    assert not stop.is_set()
