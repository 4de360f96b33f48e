"""The port: what the rest of the controller knows about where configuration comes from.

Every method may raise a ``SourceError``. ``FetchFailedError`` also stands for a git process that
did not end in time or could not be started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from controller.model.source import Commit, Signature

Wanted = Callable[[str], bool]
"""Says of a path below the configured root whether it is a document.

Where it accepts a document at any depth below a folder, it must also accept ``FOLDER/document.yaml``:
that is how a link or submodule standing in the place of such a folder is told from an indifferent one.
"""

Each = Callable[[str, bytes], None]
"""Is told a blob's id and content. What it does, it does while git waits."""


class TreeFile(Struct, frozen=True):
    """A document as listed: its content is known by its id alone."""

    path: str
    """Below the configured root, with ``/``."""
    blob: str
    """Git's object id, 40 hex digits. The same content has the same id in every source."""
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the commits in a row from the snapshot before to this one changed."""

    since: str
    """The commit of the snapshot before, an ancestor."""
    changed: Mapping[str, Commit]
    """Paths below the root, documents or not, there or gone, with the commit that last changed each."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The documents at one commit, sorted by path."""

    revision: str
    """``main@sha1:<40 hex>``, or ``worktree@<digest>``."""
    sha: str
    commit: Commit
    files: tuple[TreeFile, ...]
    step: Step | None = None
    """Known where a few commits, none of them a merge, lie between the snapshot before and this one."""


class Source(Protocol):
    """One place that configuration comes from. Safe to use from several threads."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str:
        """Without user information."""

    @property
    def ref(self) -> str:
        """The full name, or ``HEAD``, or ``worktree``."""

    @property
    def path(self) -> str:
        """The root inside the repository, empty for its top."""

    @property
    def trust(self) -> str:
        """``none``, or what must be signed with a mark of the keys: ``range:1a2b3c``."""

    def head(self) -> str:
        """Ask the remote which commit the ref names now.

        Raises:
            RevisionNotFoundError: The remote answered and has no such ref, or is empty.
            AuthenticationFailedError: The remote wants other credentials.
            AccessDeniedError: The remote refuses this caller, or has no such repository.
            FetchFailedError: No usable answer in time.
        """

    def fetch(self, sha: str) -> None:
        """Make that commit and its history readable here; at once when it already is.

        Raises:
            FetchFailedError: Also when the ref moved away from ``sha`` meanwhile: ask again.
            TreeRefusedError: The remote's objects are malformed on purpose (``..``, ``.git``).
        """

    def signatures(self, old: str | None, new: str, as_of: datetime) -> tuple[Signature, ...]:
        """What is known of the signatures of ``new`` and of what it adds to ``old``, newest first.

        Without ``old`` of ``new`` alone; when ``old`` is not here, of the whole history.

        Raises:
            VerificationFailedError: The keys cannot be used, or there are too many commits.
        """

    def snapshot(self, sha: str) -> Snapshot:
        """List the documents at that commit.

        Raises:
            TreeRefusedError: A link, submodule, oversized or clashing file where a document or a
                folder of documents belongs; too many files; no such folder.
            RevisionNotFoundError: The commit is not here.
        """

    def read(self, files: Sequence[TreeFile], each: Each | None = None) -> dict[str, bytes]:
        """Contents by blob id.

        Args:
            files: As they were listed.
            each: Told each content while others are still being read; perhaps more than once, and
                also of what is then refused.

        Raises:
            TreeRefusedError: A blob is larger than allowed, or an LFS pointer.
        """

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is ``new`` or in its history. A commit that is not here is in no history."""

    def commits(self, old: str | None, new: str) -> tuple[Commit, ...]:
        """What ``new`` adds to ``old``, newest first, at most ``Limits.commits``."""

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """Paths below the root, documents or not, that differ between two commits, sorted."""

    def last_change(
        self, sha: str, paths: Sequence[str], since: str | None = None
    ) -> dict[str, Commit]:
        """The commit that last changed each path below the root.

        With ``since``, only what commits that are not in its history changed.
        Paths that did not change within the newest ``Limits.walk_commits`` commits are absent.
        """

    def watch(self, stop: threading.Event) -> Iterator[None]:
        """Yield when something may have changed here, until ``stop`` is set. Never raises.

        A hint only: events are lost on some mounts, so the head is polled as well.
        """

    def close(self) -> None:
        """End every process of this source; it cannot be used afterwards. Harmless when repeated."""
