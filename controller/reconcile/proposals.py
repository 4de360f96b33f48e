"""A write that git's ownership refused, as a branch that people review."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.config.apply_patch import apply_patch
from controller.config.builtin import builtin_checks_if_wanted
from controller.config.limits import outside
from controller.config.load import assemble
from controller.errors import ForbiddenError, NotFoundError, RejectedError
from controller.model.operator import SourceLimit
from controller.reconcile.contents import Contents
from controller.reconcile.plan import foreign
from controller.reconcile.preview import NO_LIMIT, check_paths, laid_over, refuse_problems
from controller.reconcile.projection import in_force_now
from controller.source.interface import Snapshot, Source
from controller.source.proposal import BRANCHES, Change
from controller.store.port.store import Reading, Store


class TakesProposals(Source, Protocol):
    """A source whose remote can be given a branch."""

    def propose(self, change: Change) -> str: ...
    def request_url(self, branch: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Proposed:
    """Where the proposal is."""

    source: str
    branch: str
    commit: str
    base: str
    """The revision that it is made from: the one in force."""
    files: tuple[str, ...]
    url: str | None
    """Where the pull request is opened; none when the host is not known."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A change that a source could have."""

    source: TakesProposals
    snapshot: Snapshot
    revision: str
    files: dict[str, str | None]


class Proposer:
    """Makes proposals. The controller writes to remotes nowhere else."""

    def __init__(
        self,
        source: TakesProposals,
        store: Store,
        *others: TakesProposals,
        enabled: bool,
        limits: Mapping[str, SourceLimit] | None = None,
    ) -> None:
        """Keep what is needed.

        Args:
            source: Where branches go.
            store: Knows what is in force, and keeps the audit trail.
            others: Further sources; a change goes to the one that it fits.
            enabled: Whether the operator lets the controller push at all.
            limits: By source, what it may declare, where that is not everything.
        """
        self._sources = {each.name: each for each in (source, *others)}
        self._store = store
        self._enabled = enabled
        self._limits = limits or {}
        self._contents = {name: Contents() for name in self._sources}

    @property
    def enabled(self) -> bool:
        """Whether the operator lets the controller push."""
        return self._enabled

    def propose(
        self, patch: str, title: str, actor: str, as_of: datetime, source: str | None = None
    ) -> Proposed:
        """Push a branch with the change, its author the caller.

        Args:
            patch: A unified diff.
            title: The commit's first line.
            actor: Who proposes.
            as_of: Now.
            source: Whose repository it is for; none means the one source whose documents it fits.

        Raises:
            ForbiddenError: The operator has not allowed it.
            NotFoundError: Nothing is in force yet, or there is no such source.
            RejectedError: The patch does not fit, touches no document, leads to problems or beyond what
                the source may declare, or fits several sources.
            ConflictError: The same was proposed before.
            SourceError: The remote refuses, or cannot be reached.
        """
        if not self._enabled:
            raise ForbiddenError(
                "this controller pushes no proposals; its operator allows it with "
                "GITWARD_PROPOSALS=true and a credential that may push"
            )
        fitted = self._fitted(patch, as_of, source)
        name, snapshot, files = fitted.source.name, fitted.snapshot, fitted.files
        change = Change(
            base=snapshot.sha,
            branch=_branch(title, patch, snapshot.sha),
            files=files,
            author=actor,
            email=_email(actor),
            message=f"{title}\n\nProposed through Gitward by {_line(actor)}.\n",
            at=as_of,
        )
        commit = fitted.source.propose(change)
        with self._store.write() as writing:
            detail = {"branch": change.branch, "commit": commit, "files": sorted(files)}
            writing.add_audit(actor, "propose", f"source/{name}", as_of, detail=detail)
        url = fitted.source.request_url(change.branch)
        return Proposed(name, change.branch, commit, fitted.revision, tuple(sorted(files)), url)

    def _fitted(self, patch: str, as_of: datetime, wanted: str | None) -> _Fitted:
        known = ", ".join(sorted(self._sources))
        if wanted is not None and wanted not in self._sources:
            raise NotFoundError(f"no source {wanted!r} takes proposals; there are: {known}")
        asked = [wanted] if wanted is not None else list(self._sources)
        found: list[_Fitted] = []
        refusals: dict[str, RejectedError | NotFoundError] = {}
        with self._store.read() as reading:
            for name in asked:
                try:
                    found.append(self._fit(reading, self._sources[name], patch, as_of))
                except (RejectedError, NotFoundError) as error:
                    refusals[name] = error
        if len(found) == 1:
            return found[0]
        if len(asked) == 1:
            raise refusals[asked[0]]
        if found:
            names = ", ".join(sorted(each.source.name for each in found))
            message = f"the change fits several sources: {names}; name one of them"
        else:
            told = "; ".join(f"{name}: {error}" for name, error in sorted(refusals.items()))
            message = f"the change fits no source: {told}"
        raise RejectedError(message, (("source", message),))

    def _fit(
        self, reading: Reading, source: TakesProposals, patch: str, as_of: datetime
    ) -> _Fitted:
        name = source.name
        status = reading.source(name)
        applied = status.last_applied_revision if status else None
        if applied is None:
            raise NotFoundError("no revision is in force yet, so there is nothing to propose for")
        snapshot = source.snapshot(applied.rpartition(":")[2])
        files = apply_patch(patch, lambda path: _text(source, snapshot, path))
        check_paths(files)
        contents = laid_over(self._contents[name].of(source, snapshot.files), files)
        loaded = assemble(
            contents,
            as_of=as_of,
            builtin_checks=builtin_checks_if_wanted(contents),
            first_applied=reading.first_applied(),
        )
        refuse_problems(
            [
                *loaded.problems,
                *outside(loaded.configuration, self._limits.get(name, NO_LIMIT), name),
                *foreign(
                    in_force_now(reading).objects,
                    loaded.configuration,
                    source=name,
                    removed=frozenset(each.name for each in reading.sources() if each.removed),
                ),
            ]
        )
        return _Fitted(source, snapshot, applied, files)


def _text(source: TakesProposals, snapshot: Snapshot, path: str) -> str | None:
    file = next((each for each in snapshot.files if each.path == path), None)
    return None if file is None else source.read([file])[file.blob].decode()


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
