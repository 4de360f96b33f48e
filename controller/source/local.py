"""A repository on this machine read in place, without a mirror: for the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from controller.errors import FetchFailedError, RevisionNotFoundError, SourceRefusedError
from controller.model.source import Commit
from controller.source.address import parse_path
from controller.source.damage import DamagedError
from controller.source.environment import Access, git_environment
from controller.source.git import Git, require_git
from controller.source.git_folder import find_top
from controller.source.interface import Snapshot, Wanted
from controller.source.limits import Limits
from controller.source.objects import Objects
from controller.source.worktree import WorkingTreeSource

_T = TypeVar("_T")
_SHALLOW: Final = "in a shallow clone, fetch it all (git fetch --unshallow, or fetch-depth: 0)"
WORKING_TREE = "."
"""The revision that means the files as they are."""


class LocalRepository:
    """Revisions of the repository that a folder belongs to, and the folder's own uncommitted state.

    Nothing is written, no transport is allowed, and what the repository configures is not run.
    """

    def __init__(
        self,
        inside: Path,
        *,
        path: str = "",
        wanted: Wanted,
        limits: Limits | None = None,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        """Find the repository.

        Args:
            inside: Any folder of the working tree, or a bare repository.
            path: The root, from ``inside``.
            wanted: Which paths below the root are documents.
            limits: Bounds on time and size.
            inherited: The environment of which a little is passed on; this process's by default.

        Raises:
            SourceRefusedError: Not in a repository, or a path that is not accepted.
        """
        inside = inside.resolve()
        found = find_top(inside)
        if found is None:
            raise SourceRefusedError(f"{inside} is not in a git repository; name one that is")
        self.top, folder = found
        # In a bare repository, folders of the repository itself say nothing about its content.
        self._bare = self.top == folder.git_dir
        self._git_dir, self._common = folder.git_dir, folder.common
        below = "" if self._bare else inside.relative_to(self.top).as_posix()
        self.path = parse_path("/".join(p for p in (parse_path(below), parse_path(path)) if p))
        limits = limits or Limits()
        environment = git_environment(
            None,
            inherited=os.environ if inherited is None else inherited,
            home="/nonexistent",
            global_config=os.devnull,
            access=Access(),
            limits=limits,
        )
        self._seconds = limits.read_seconds
        require_git()
        self._git = Git(environment, limits=limits)
        self._objects = Objects(
            self._git, folder.git_dir, path=self.path, wanted=wanted, limits=limits
        )
        self._files = WorkingTreeSource(
            name="worktree", directory=self.top, path=self.path, wanted=wanted, limits=limits
        )

    def resolve(self, revision: str) -> str:
        """The commit that a revision names; for ``.`` the digest of the files as they are.

        Raises:
            RevisionNotFoundError: No such revision.
        """
        if revision == WORKING_TREE:
            if self._bare:
                raise RevisionNotFoundError(
                    f"{self.top} is a bare repository, which has no files of its own; name a branch, "
                    "tag or commit in place of '.'"
                )
            return self._files.head()
        sha = self._objects.resolve(revision) if _sane(revision) else None
        if sha is None:
            if not self._has_commits():
                raise RevisionNotFoundError(
                    f"{self.top} has no commit yet, so there is nothing to compare with; commit first "
                    "(gitward validate checks files that are not committed)"
                )
            raise RevisionNotFoundError(
                f"{self.top} has no revision {revision[:200]!r}; name a branch, tag or commit"
                + (f"; {_SHALLOW}" if self._shallow() else "")
            )
        return sha

    def _has_commits(self) -> bool:
        done = self._git.run(
            f"--git-dir={self._git_dir}", "rev-list", "--all", "--max-count=1",
            seconds=self._seconds,
        )  # fmt: skip
        return done.status != 0 or bool(done.out.strip())

    def _shallow(self) -> bool:
        return (self._common / "shallow").exists()

    def snapshot(self, revision: str) -> Snapshot:
        """List the documents at a revision, or with ``.`` as they are now."""
        sha = self.resolve(revision)
        if revision == WORKING_TREE:
            return self._files.snapshot(sha)
        return self._reading(lambda: self._objects.snapshot(sha, revision))

    def read(self, snapshot: Snapshot) -> dict[str, bytes]:
        """Contents of a snapshot's documents, by blob id."""
        if snapshot.revision.startswith("worktree@"):
            return self._files.read(snapshot.files)
        return self._reading(lambda: self._objects.read(snapshot.files))

    def commits(self, old: str, new: str) -> tuple[Commit, ...]:
        """What commit ``new`` adds to commit ``old``, newest first."""
        return self._reading(lambda: self._objects.commits(old, new))

    def last_change(self, snapshot: Snapshot, paths: Sequence[str]) -> dict[str, Commit]:
        """The commit that last changed each path below the root."""
        if snapshot.revision.startswith("worktree@"):
            return self._files.last_change(snapshot.sha, paths)
        return self._reading(lambda: self._objects.last_change(snapshot.sha, paths))

    def versions(
        self, sha: str, paths: Sequence[str], most: int
    ) -> dict[str, list[tuple[Commit, bytes]]]:
        """What files below the root were at the newest commits that changed them, newest first."""
        return self._reading(lambda: self._objects.versions(sha, paths, most))

    def merge_base(self, base: str, head: str) -> str:
        """Where the head's history left the base's; for ``.`` that of the commit checked out.

        Raises:
            RevisionNotFoundError: No such revision, or they have no history in common.
        """
        one, other = self.resolve(base), self.resolve("HEAD" if head == WORKING_TREE else head)
        found = self._reading(lambda: self._objects.merge_base(one, other))
        if found is None:
            raise RevisionNotFoundError(
                f"{base} and {'HEAD' if head == WORKING_TREE else head} have no common history here; "
                + _SHALLOW
            )
        return found

    def close(self) -> None:
        """End every git process."""
        self._git.close()

    def _reading(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except DamagedError as error:
            raise FetchFailedError(
                f"{self.top}: {error}; git fsck says what is damaged or missing"
            ) from error


def _sane(revision: str) -> bool:
    return 0 < len(revision) <= 200 and revision.isprintable() and not revision.startswith("-")
