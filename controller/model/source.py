"""A source of configuration and what is known about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from controller.model.conditions import REMOVED_REASON, Condition
from controller.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's facts, as text from git: never markup, never trusted."""

    sha: str
    author: str
    email: str
    subject: str
    committed_at: datetime
    trailers: tuple[tuple[str, str], ...] = ()


Verdict = Literal["good", "unsigned", "foreign", "expired", "revoked", "bad"]


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a commit's signature; names are text from git and from keys."""

    sha: str
    verdict: Verdict
    """``foreign``: by a key that the operator did not name."""
    signer: str
    key: str
    """Fingerprint."""
    forge: str | None
    """The forge whose own key it is, by the operator's name for it."""
    author: str
    subject: str

    @property
    def by(self) -> str:
        """Who signed, for people."""
        if self.forge is not None:
            return f"the forge {self.forge} ({self.key})"
        return f"{self.signer or 'an unknown key'} ({self.key})"


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan that waits for a person."""

    digest: str
    """What ``gitward confirm`` takes. For a rewritten ref it is bound to the old and new commit."""
    revision: str
    reason: str
    """``PruneBlocked`` or ``NonFastForward``."""
    message: str
    deletes: tuple[str, ...]
    """Objects to be deleted, as ``policy/ID``."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """Everything ``gitward status`` shows of one source."""

    name: str
    url: str
    """Without user information."""
    ref: str
    path: str
    observed_revision: str | None = None
    last_attempted_revision: str | None = None
    last_applied_revision: str | None = None
    last_applied_at: datetime | None = None
    last_checked_at: datetime | None = None
    generation: int = 1
    """Counts changes of the source's own settings (url, ref, path)."""
    observed_generation: int = 0
    suspended: bool = False
    suspend_reason: str | None = None
    suspend_until: datetime | None = None
    suspended_by: str | None = None
    handled_request: int = 0
    """The newest reconcile request that a finished pass had started with."""
    confirmed_digest: str | None = None
    """The plan digest a person released, kept until it is used or another head arrives."""
    failures: int = 0
    """Consecutive transient failures."""
    unfinished_attempts: int = 0
    """How often reading ``last_attempted_revision`` began and never ended: the crash counter."""
    applied_generation: int = 0
    """The generation of the settings that the applied revision came by."""
    trust: str = "none"
    """What must be signed, with a mark of the keys that count."""
    limit: str = ""
    """What alone it may declare, in words; empty is no limit."""
    verified_commit: str | None = None
    """The newest commit whose signature was good: where the next range begins."""
    conditions: tuple[Condition, ...] = ()
    problems: tuple[Problem, ...] = ()
    held_plan: HeldPlan | None = None

    @property
    def removed(self) -> bool:
        """Whether the operator took it out of the settings; others may then take its objects over."""
        stalled = self.condition("Stalled")
        return stalled is not None and stalled.reason == REMOVED_REASON

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, if present."""
        return next((c for c in self.conditions if c.type == type_), None)


RevisionResult = Literal["applied", "rejected", "held"]


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """One attempted revision in the history."""

    source: str
    revision: str
    """``main@sha1:<40 hex>``."""
    sha: str
    author: str
    subject: str
    committed_at: datetime | None
    attempted_at: datetime
    result: RevisionResult
    reason: str = ""
    applied_at: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)
    plan_digest: str | None = None
    problems: tuple[Problem, ...] = ()
    epoch: int | None = None
    """The configuration epoch it put in force."""


def revision_name(ref: str, sha: str) -> str:
    """The one spelling of a revision: ``main@sha1:<40 hex>``."""
    return f"{ref.removeprefix('refs/heads/').removeprefix('refs/tags/')}@sha1:{sha}"
