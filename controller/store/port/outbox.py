"""Messages that wait to be told, and what was told last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controller.model.notice import MachineTurn, Notice, Subscription
from controller.store.port.page import Page
from controller.store.port.sources import Event


class OutboxReading(Protocol):
    """The outbox in a snapshot."""

    def next_notice(self, target: str) -> Notice | None:
        """The oldest message that waits for a target, whether or not it is due."""
        ...

    def notices(self, page: int, per_page: int, *, dead: bool) -> Page[Notice]:
        """Messages that wait, or that were given up; newest first."""
        ...

    def outbox_sizes(self) -> Mapping[str, tuple[int, int]]:
        """Target to how many messages wait and how many were given up."""
        ...

    def told_since(self) -> datetime | None:
        """Since when turns of machines and exceptions are told; none before it has begun."""
        ...

    def machine_turns(self, limit: int) -> Sequence[MachineTurn]:
        """Machines whose overall standing is not what was last told."""
        ...


class OutboxWriting(Protocol):
    """Messages put in, tried, given up and revived."""

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Say who is told from now on; messages to others are dropped."""
        ...

    def tell(self, event: Event, source: str = "") -> int:
        """Put a message for everybody who wants it into the outbox; how many it is for.

        Args:
            event: What happened.
            source: Whose commit it is about; empty when it is about none.
        """
        ...

    def notice_arrived(self, number: int) -> None: ...
    def notice_failed(
        self, number: int, error: str, *, next_at: datetime, dead_at: datetime | None
    ) -> None: ...
    def revive_notice(self, number: int, *, actor: str, as_of: datetime) -> bool:
        """Try a message again that was given up; false when there is none such."""
        ...

    def begin_telling(self, as_of: datetime) -> None:
        """Turns before this moment are not told."""
        ...

    def note_turns(self, turns: Sequence[MachineTurn]) -> None:
        """Remember what was told of machines."""
        ...

    def note_once(self, object: str, word: str) -> bool:
        """Remember that a word was said about an object; false when it was said before."""
        ...
