"""One pass over one source: what it was given, and what its steps have found so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.config.assembly import Touched
from controller.model.configuration import Configuration
from controller.model.documents import RepositorySettings
from controller.model.operator import SourceLimit
from controller.model.plan import Plan
from controller.model.problem import Problem
from controller.model.source import Commit, SourceStatus
from controller.model.terms import Kind
from controller.reconcile.ending import Ending
from controller.reconcile.memory import Memory
from controller.reconcile.plan import Current
from controller.source.interface import Snapshot, Source
from controller.store.port.store import Store


@dataclass(slots=True)
class Pass:
    """A pass in progress. Fields without a value are found by the step that names them."""

    source: Source
    store: Store
    now: Callable[[], datetime]
    memory: Memory
    status: SourceStatus
    """As stored when the pass began."""
    request: int
    """The newest reconcile request when the pass began."""

    limit: SourceLimit
    """What the source may declare."""
    revision: str | None = None
    commit: Commit | None = None
    plan: Plan | None = None
    sha: str = field(init=False)
    """``resolve``."""
    snapshot: Snapshot = field(init=False)
    """``fetch``."""
    head: Configuration = field(init=False)
    """``load``: what the revision declares."""
    verified: tuple[str, str] | None = None
    """``verify``: the commit whose signature was good, and who signed it."""
    warnings: tuple[Problem, ...] = ()
    current: Current = field(init=False)
    """``load``: everything in force."""
    only: Touched | None = None
    """``load``: what alone may be declared otherwise than it is in force; none is everything."""
    settings: RepositorySettings = field(init=False)
    """``load``: of this repository, as in force."""
    before: Mapping[Kind, int] = field(init=False)
    """``load``: how much of each kind the source declares now."""

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def applied_commit(self) -> str | None:
        """The commit in force, when it came by the settings of now."""
        if self.status.applied_generation != self.status.generation:
            return None  # another address or ref, by the operator's own word, is no rewrite
        _, mark, sha = (self.status.last_applied_revision or "").rpartition("@sha1:")
        return sha if mark else None


Step = Callable[[Pass], Ending | None]
"""Goes on with none, or ends the pass."""
