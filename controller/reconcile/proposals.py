"""A write that git's ownership refused, as a branch that people review."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.config.apply_patch import apply_patch
from controller.config.builtin import builtin_checks_if_wanted
from controller.config.load import assemble
from controller.errors import ForbiddenError, NotFoundError
from controller.reconcile.contents import Contents
from controller.reconcile.preview import check_paths, laid_over, refuse_problems
from controller.source.interface import Snapshot, Source
from controller.source.proposal import BRANCHES, Change
from controller.store.interface import Store


class TakesProposals(Source, Protocol):
    """A source whose remote can be given a branch."""

    def propose(self, change: Change) -> str: ...
    def request_url(self, branch: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Proposed:
    """Where the proposal is."""

    branch: str
    commit: str
    base: str
    """The revision that it is made from: the one in force."""
    files: tuple[str, ...]
    url: str | None
    """Where the pull request is opened; none when the host is not known."""


class Proposer:
    """Makes proposals for one source. The controller writes to the remote nowhere else."""

    def __init__(self, source: TakesProposals, store: Store, *, enabled: bool) -> None:
        """Keep what is needed.

        Args:
            source: Where the branch goes.
            store: Knows what is in force, and keeps the audit trail.
            enabled: Whether the operator lets the controller push at all.
        """
        self._source = source
        self._store = store
        self._enabled = enabled
        self._contents = Contents()

    @property
    def enabled(self) -> bool:
        """Whether the operator lets the controller push."""
        return self._enabled

    def propose(self, patch: str, title: str, actor: str, as_of: datetime) -> Proposed:
        """Push a branch with the change, its author the caller.

        Raises:
            ForbiddenError: The operator has not allowed it.
            NotFoundError: Nothing is in force yet.
            RejectedError: The patch does not fit, touches no document, or leads to problems.
            ConflictError: The same was proposed before.
            SourceError: The remote refuses, or cannot be reached.
        """
        if not self._enabled:
            raise ForbiddenError(
                "this controller pushes no proposals; its operator allows it with "
                "GITWARD_PROPOSALS=true and a credential that may push"
            )
        source = self._source
        with self._store.read() as reading:
            status = reading.source(source.name)
            first_applied = reading.first_applied()
        applied = status.last_applied_revision if status else None
        if applied is None:
            raise NotFoundError("no revision is in force yet, so there is nothing to propose for")
        snapshot = source.snapshot(applied.rpartition(":")[2])
        files = apply_patch(patch, lambda path: self._text(snapshot, path))
        check_paths(files)
        contents = laid_over(self._contents.of(source, snapshot.files), files)
        loaded = assemble(
            contents,
            as_of=as_of,
            builtin_checks=builtin_checks_if_wanted(contents),
            first_applied=first_applied,
        )
        refuse_problems(list(loaded.problems))
        change = Change(
            base=snapshot.sha,
            branch=_branch(title, patch, snapshot.sha),
            files=files,
            author=actor,
            email=_email(actor),
            message=f"{title}\n\nProposed through Gitward by {_line(actor)}.\n",
            at=as_of,
        )
        commit = source.propose(change)
        with self._store.write() as writing:
            detail = {"branch": change.branch, "commit": commit, "files": sorted(files)}
            writing.add_audit(actor, "propose", f"source/{source.name}", as_of, detail=detail)
        url = source.request_url(change.branch)
        return Proposed(change.branch, commit, applied, tuple(sorted(files)), url)

    def _text(self, snapshot: Snapshot, path: str) -> str | None:
        file = next((each for each in snapshot.files if each.path == path), None)
        return None if file is None else self._source.read([file])[file.blob].decode()


def _branch(title: str, patch: str, base: str) -> str:
    """The same change of the same base has the same name, and so is not proposed twice."""
    words = "-".join(re.findall("[a-z0-9]+", title.lower()))[:60].strip("-") or "change"
    digest = hashlib.sha256(f"{base}\n{patch}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{BRANCHES}{words}-{digest[:10]}"


def _email(actor: str) -> str:
    """Tokens are often named by an address; otherwise there is none to give."""
    if re.fullmatch(r"[A-Za-z0-9.+_-]+@[A-Za-z0-9.-]+", actor):
        return actor
    return "-".join(re.findall("[a-z0-9]+", actor.lower())) + "@gitward.invalid"


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
