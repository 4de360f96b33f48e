"""What the pages use, put together by bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from controller.dashboard.one_time import OneTimeCodes
from controller.errors import ControllerError
from controller.reconcile.preview import Previewer
from controller.reconcile.proposals import Proposer
from controller.store.port.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a page may touch."""

    store: Store
    clock: Callable[[], datetime]
    """Now, aware, UTC."""
    wake: Callable[[str], None]
    """Nudge the reconciler of a source."""
    version: str
    status_of: Callable[[type[ControllerError]], int]
    """The HTTP status of an error class: the API's own table."""
    seconds_to_wait: Callable[[str | None], int]
    """Count one attempt to sign in from an address; how long to wait first, 0 when it may go on."""
    preview: Previewer | None = None
    """Tries changes against the fleet; none where no repository is followed."""
    proposals: Proposer | None = None
    """Pushes branches for review; none where there is no git remote to push to."""
    secure: bool = False
    """Served over https: cookies then go over nothing else."""
    codes: OneTimeCodes = field(default_factory=OneTimeCodes)
