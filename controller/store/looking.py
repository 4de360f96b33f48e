"""Threads that look at a store again and again, and do something when they find it changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from logging import Logger
from typing import Final

from controller.errors import ControllerError, LeaseLostError

_AT_LEAST: Final = timedelta(minutes=1)


class Looks:
    """When another look is worth its cost: something changed, or a minute is over.

    Some of what is looked for comes with time alone, such as the end of an exception.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, datetime] | None = None

    def due(self, change: int, now: datetime) -> bool:
        """Whether to look at a store that stands at that change."""
        return self._seen is None or self._seen[0] != change or now >= self._seen[1]

    def looked(self, change: int, now: datetime) -> None:
        """A look at that change is done, with all that it led to."""
        self._seen = (change, now + _AT_LEAST)


def keep_looking(
    step: Callable[[], object],
    stop: threading.Event,
    every: float,
    doing: str,
    log: Logger,
    *,
    over: Callable[[], bool] = lambda: False,
) -> None:
    """Look until told to stop, or until another controller has taken the store over.

    Args:
        step: One look.
        stop: Ends it.
        every: Seconds between two looks.
        doing: What it is called in the log, such as ``looking for what to tell``.
        log: Whose log.
        over: Says that there is nothing left to look for.
    """
    while not over() and not stop.wait(every):
        try:
            step()
        except LeaseLostError:
            return
        except ControllerError as error:
            log.warning("%s did not work: %s", doing, error)
        except Exception:  # the thread's edge: it must live
            log.exception("this is a bug: %s failed", doing)
