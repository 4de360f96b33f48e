"""What the handlers use, put together by bootstrap."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from controller.errors import OverloadedError
from controller.intake.room import Room
from controller.reconcile.preview import Previewer
from controller.reconcile.proposals import Proposer
from controller.reconcile.tally import Tally
from controller.store.port.reports import Receipt, Submission
from controller.store.port.store import Store


class Waiter(Protocol):
    """Who waits for a report to be on disk; told on its own event loop, as a future is."""

    def get_loop(self) -> AbstractEventLoop: ...
    def done(self) -> bool: ...
    def set_result(self, receipt: Receipt, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


class TakesReports(Protocol):
    """Where reports go: the intake."""

    @property
    def room(self) -> Room:
        """How many bytes of reports may still be held."""
        ...

    @property
    def full(self) -> bool:
        """Whether nothing more is taken just now."""
        ...

    def refusal(self, machine_uuid: str) -> OverloadedError:
        """What a machine is told whose report there is no room for."""
        ...

    async def submit(self, submission: Submission, size: int) -> Receipt:
        """Take a report of so many bytes; return when it is on disk.

        Raises:
            OverloadedError: Nothing more is taken just now.
            UnauthenticatedError: The token no longer speaks for the machine.
            StoreUnavailableError: The store is locked, full or gone.
        """
        ...

    def queue(self, submission: Submission, waiter: Waiter, size: int) -> None:
        """Take a report; its waiter is told when it is on disk, or of what ``submit`` raises.

        Raises:
            OverloadedError: Nothing more is taken just now; nobody will be told anything.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one caller may ask."""

    user_requests_per_minute: int = 600
    """For each user token."""
    anonymous_requests_per_minute: int = 60
    """For each address without a valid token."""
    unproven_webhooks_per_minute: int = 600
    """For each address: webhooks whose signature is wrong, or not read yet."""
    body_seconds: float = 30.0
    """How long a request's body may take to arrive."""


def _none() -> int:
    return 0


def _closed(_source: str) -> tuple[bytes, ...]:
    return ()


def _nobody(_source: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a handler may touch."""

    store: Store
    intake: TakesReports
    clock: Callable[[], datetime]
    """Now, aware, UTC."""
    monotonic: Callable[[], float]
    """Seconds that never go back; for rate limits and deadlines."""
    read_file: Callable[[str, str], str | None]
    """Source name and path to the file's text at the applied revision; none when unknown."""
    wake: Callable[[str], None]
    """Nudge the reconciler of a source."""
    version: str
    hint: Callable[[str], None] = _nobody
    """Tell the reconciler of a source that something may have changed; harmless a thousand times."""
    webhook_secrets: Callable[[str], tuple[bytes, ...]] = _closed
    """The secrets good for a source's webhooks; none closes them."""
    tally: Tally = field(default_factory=Tally)
    """What passes came to."""
    recording_losses: Callable[[], int] = _none
    """How often the process that records reports was lost."""
    loopback: bool = True
    """Bound to loopback only: documentation and metrics are then open."""
    poll_interval_seconds: int = 60
    """How often agents should ask for work."""
    limits: Limits = field(default_factory=Limits)
    preview: Previewer | None = None
    """Plans of pull requests; none where there is no source to plan against."""
    proposals: Proposer | None = None
    """Branches for refused writes; none where the source has no remote to push to."""
