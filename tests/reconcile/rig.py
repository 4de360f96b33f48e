"""A real repository, a real store and a reconciler between them, under one clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller.config.load import is_document
from controller.model.source import SourceStatus
from controller.model.terms import Kind
from controller.reconcile.ending import Ending
from controller.reconcile.reconciler import PassResult, Reconciler
from controller.source.address import parse_address
from controller.source.interface import Each, Source
from controller.source.mirror import GitSource
from controller.source.worktree import WorkingTreeSource
from controller.store.store import open_store
from tests.reconcile.repository import Repository

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


class Counting:
    """Passes everything on to a source, and counts."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.calls: Counter[str] = Counter()
        self.blobs = 0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._source, name)
        if callable(value):
            self.calls[name] += 1
        return value

    def read(self, files: Any, each: Each | None = None) -> dict[str, bytes]:
        self.blobs += len(files)
        return self._source.read(files, each)


class Rig:
    def __init__(self, folder: Path, *, path: str = "", ref: str = "main") -> None:
        self.clock = Clock()
        self.folder = folder
        self.repository = Repository(folder / "repository")
        self.store = open_store(folder / "data")
        self._opened: list[Source] = []
        self.connect(path=path, ref=ref)

    def connect(self, *, path: str = "", ref: str = "main", at: Path | None = None) -> None:
        """A new reconciler, as after a restart, perhaps under other settings."""
        for source in self._opened:
            source.close()
        address = parse_address(str(at or self.repository.path), allow_local=True)
        source = GitSource(
            name="default",
            address=address,
            ref=ref,
            path=path,
            data=self.folder / "data",
            wanted=is_document,
        )
        self._opened.append(source)
        self.source = Counting(source)
        self.reconciler = Reconciler(self.source, self.store, clock=self.clock)

    def connect_working_tree(self) -> None:
        """A reconciler of the files as they are, committed or not."""
        source = WorkingTreeSource(
            name="default", directory=self.repository.path, path="", wanted=is_document
        )
        self._opened.append(source)
        self.source = Counting(source)
        self.reconciler = Reconciler(self.source, self.store, clock=self.clock)

    def commit(self, files: dict[str, str | None], message: str = "change") -> str:
        return self.repository.commit(files, message)

    def reconcile(self) -> Ending:
        return self.run().ending

    def run(self) -> PassResult:
        self.clock.forward(minutes=1)
        return self.reconciler.run()

    @property
    def status(self) -> SourceStatus:
        with self.store.read() as reading:
            status = reading.source("default")
        assert status is not None
        return status

    def ids(self, kind: Kind) -> set[str]:
        with self.store.read() as reading:
            return set(reading.in_force().of_kind(kind))

    def results(self) -> list[tuple[str, str]]:
        """The history of revisions, oldest first, as result and reason."""
        with self.store.read() as reading:
            records = reading.revisions(1, 100).items
        return [(record.result, record.reason) for record in reversed(records)]

    def close(self) -> None:
        for source in self._opened:
            source.close()
        self.store.close()
