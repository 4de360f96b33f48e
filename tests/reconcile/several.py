"""Several sources over one store, each with a repository of its own, under one clock."""

from __future__ import annotations

from pathlib import Path

from controller.config.load import is_document
from controller.model.operator import SourceLimit
from controller.model.source import SourceStatus
from controller.reconcile.ending import Ending
from controller.reconcile.reconciler import Reconciler
from controller.source.address import parse_address
from controller.source.mirror import GitSource
from controller.store.store import open_store
from tests.reconcile.repository import Repository
from tests.reconcile.rig import Clock


class Sources:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.store = open_store(folder / "data")
        self._open: dict[str, GitSource] = {}
        self._reconcilers: dict[str, Reconciler] = {}
        self.repositories: dict[str, Repository] = {}

    def add(self, name: str, limit: SourceLimit | None = None) -> Repository:
        """A source with a repository of its own; again under another limit, as after a restart."""
        if name in self._open:
            self._open[name].close()
        else:
            self.repositories[name] = Repository(self.folder / name)
        repository = self.repositories[name]
        source = GitSource(
            name=name,
            address=parse_address(str(repository.path), allow_local=True),
            ref="main",
            path="",
            data=self.folder / "data",
            wanted=is_document,
        )
        self._open[name] = source
        self._reconcilers[name] = Reconciler(
            source, self.store, clock=self.clock, limit=limit or SourceLimit()
        )
        return repository

    def reconcile(self, name: str) -> Ending:
        self.clock.forward(minutes=1)
        return self._reconcilers[name].run().ending

    def status(self, name: str) -> SourceStatus:
        with self.store.read() as reading:
            found = reading.source(name)
        assert found is not None
        return found

    def managers(self) -> dict[str, str]:
        with self.store.read() as reading:
            return {id_: m.manager for id_, m in reading.in_force().policies.items()}

    def close(self) -> None:
        for source in self._open.values():
            source.close()
        self.store.close()
