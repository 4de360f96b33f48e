"""Tests that run on an event loop: the server's own kind, in a thread of its own.

A browser that other tests of the same process drive keeps a loop running in the thread of the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

import uvloop

from controller.intake.intake import Intake
from controller.store.port.reports import Receipt, Submission

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine function as a test."""

    @wraps(test)
    def whole(*arguments: Any, **named: Any) -> None:
        run(test(*arguments, **named))

    return whole


def hand_in(intake: Intake, submission: Submission, size: int = 1) -> asyncio.Future[Receipt]:
    """Queue a report of so many bytes on the loop that runs."""
    waiter: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    intake.queue(submission, waiter, size)
    return waiter
