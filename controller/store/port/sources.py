"""What the store keeps of sources: their status, revisions, requests and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.model.configuration import Configuration
from controller.model.documents import RepositorySettings
from controller.model.source import RevisionRecord, SourceStatus
from controller.store.port.page import Page


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling once per object, reason and revision."""

    at: datetime
    object: str
    """``policy/ID``, ``source/NAME``, ``machine/UUID``."""
    reason: str
    revision: str
    message: str
    count: int = 1


class SourcesReading(Protocol):
    """Sources, their revisions and events in a snapshot."""

    def sources(self) -> Sequence[SourceStatus]: ...
    def source(self, name: str) -> SourceStatus | None: ...
    def settings_of(self, source: str) -> RepositorySettings:
        """What one source's own ``gitward.yaml`` says, as applied."""
        ...

    def reconcile_request(self, source: str) -> int:
        """The newest reconcile request's number; 0 before the first."""
        ...

    def requested_by(self, source: str) -> str:
        """Who made the newest reconcile request; empty before the first."""
        ...

    def revisions(self, page: int, per_page: int) -> Page[RevisionRecord]: ...
    def revision(self, sha: str) -> RevisionRecord | None: ...
    def events(self, page: int, per_page: int) -> Page[Event]: ...
    def declared(self, source: str) -> Configuration:
        """What a source declares now: its inventory, as a configuration."""
        ...


class SourcesWriting(Protocol):
    """What becomes of sources and of requests to look at them."""

    def record_revision(self, record: RevisionRecord) -> None: ...
    def save_source(self, status: SourceStatus) -> None: ...
    def remove_source(self, name: str) -> None: ...
    def request_reconcile(self, source: str, actor: str, as_of: datetime) -> int: ...
    def add_event(self, event: Event) -> bool:
        """True when it is new; a repeated one only counts up."""
        ...

    def note_delivery(self, source: str, provider: str, id: str, as_of: datetime) -> bool:
        """Remember a webhook's delivery; false when it was taken before."""
        ...
