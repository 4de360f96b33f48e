"""Tests that run on an event loop: the server's own kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import uvloop

from controller.intake.intake import Intake
from controller.store.port.reports import Receipt, Submission


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine function as a test."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **named))

    return run


def hand_in(intake: Intake, submission: Submission) -> asyncio.Future[Receipt]:
    """Queue a report on the loop that runs."""
    waiter: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    intake.queue(submission, waiter)
    return waiter
