"""A folder's files as they are now, committed or not: for trying documents before they are committed.

Links are never followed, not even one that is put in place between listing and opening.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from controller.errors import AccessDeniedError, RevisionNotFoundError, TreeRefusedError
from controller.model.source import Commit, Signature
from controller.source.address import parse_name, parse_path
from controller.source.interface import Each, Snapshot, TreeFile, Wanted
from controller.source.limits import Limits
from controller.source.listing import (
    LINK,
    SUBMODULE,
    Entry,
    Listed,
    check_content,
    check_size,
    documents,
    refuse,
)
from controller.source.watch import watch_tree

_KEPT: Final = 2
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Capture:
    """All documents at one moment, with their contents: what is listed is what is read."""

    snapshot: Snapshot
    contents: dict[str, bytes]


class WorkingTreeSource:
    """The port over a folder. Its revision is ``worktree@DIGEST`` over paths and contents."""

    def __init__(
        self,
        *,
        name: str,
        directory: Path,
        path: str,
        wanted: Wanted,
        limits: Limits | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            name: Of the source.
            directory: The top of the working tree.
            path: The root inside it.
            wanted: Which paths below the root are documents.
            limits: Bounds on sizes and numbers.

        Raises:
            SourceRefusedError: A name or path that is not accepted.
        """
        self.name = parse_name(name)
        self.url = str(directory.absolute())
        self.ref = "worktree"
        self.path = parse_path(path)
        self._top = directory.resolve()
        self._wanted = wanted
        self._limits = limits or Limits()
        self._captures: OrderedDict[str, _Capture] = OrderedDict()
        self._guard = threading.Lock()

    def head(self) -> str:
        """Read the files and return the digest over them."""
        capture = self._capture()
        with self._guard:
            self._captures[capture.snapshot.sha] = capture
            self._captures.move_to_end(capture.snapshot.sha)
            while len(self._captures) > _KEPT:
                self._captures.popitem(last=False)
        return capture.snapshot.sha

    def fetch(self, sha: str) -> None:
        """Nothing is transferred; the digest must be one of the last two."""
        self._captured(sha)

    def snapshot(self, sha: str) -> Snapshot:
        """The documents as they were when the digest was made."""
        return self._captured(sha).snapshot

    def read(self, files: Sequence[TreeFile], each: Each | None = None) -> dict[str, bytes]:
        """Contents by blob id, from the captures that ``head`` made."""
        with self._guard:
            known = {
                k: v for capture in self._captures.values() for k, v in capture.contents.items()
            }
        for file in files:
            if file.blob not in known:
                raise RevisionNotFoundError(f"{file.path}: has changed since; reconcile again")
        contents = {file.blob: known[file.blob] for file in files}
        if each is not None:
            for blob, content in contents.items():
                each(blob, content)
        return contents

    def is_ancestor(self, old: str, new: str) -> bool:  # noqa: ARG002 - the port's signature
        """Always: an edit of files is never a rewritten history."""
        return True

    def commits(self, old: str | None, new: str) -> tuple[Commit, ...]:  # noqa: ARG002
        """The one that stands for the uncommitted state."""
        return (self._captured(new).snapshot.commit,)

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """Documents that differ; all of them when the old state is no longer known."""
        now = {file.path: file.blob for file in self._captured(new).snapshot.files}
        with self._guard:
            before = self._captures.get(old)
        then = {file.path: file.blob for file in before.snapshot.files} if before else {}
        return tuple(sorted(p for p in now | then if now.get(p) != then.get(p)))

    @property
    def trust(self) -> str:
        """Nothing that is not committed can be signed."""
        return "none"

    def signatures(self, old: str | None, new: str, as_of: datetime) -> tuple[Signature, ...]:  # noqa: ARG002
        """None: there is no commit."""
        return ()

    def last_change(
        self,
        sha: str,
        paths: Sequence[str],
        since: str | None = None,  # noqa: ARG002 - the port's
    ) -> dict[str, Commit]:
        """The uncommitted state itself, for every path in it; ``since`` means nothing here."""
        snapshot = self._captured(sha).snapshot
        known = {file.path for file in snapshot.files}
        return {path: snapshot.commit for path in paths if path in known}

    def watch(self, stop: threading.Event) -> Iterator[None]:
        """Yield when a document may have changed."""
        root = self._top / self.path
        prefix = str(root) + os.sep

        def concerns(path: str) -> bool:
            below = path.removeprefix(prefix).replace(os.sep, "/")
            return self._wanted(below) or self._wanted(below + "/document.yaml")

        yield from watch_tree(root, concerns, stop)

    def close(self) -> None:
        """Forget the captures."""
        with self._guard:
            self._captures.clear()

    def _captured(self, sha: str) -> _Capture:
        with self._guard:
            capture = self._captures.get(sha)
        if capture is None:
            raise RevisionNotFoundError(f"{self.url} has changed since {sha[:12]}; reconcile again")
        return capture

    def _capture(self) -> _Capture:
        root = self._top / self.path
        contents: dict[str, bytes] = {}
        files: list[TreeFile] = []
        newest = 0.0
        for path, content, changed in self._documents(root):
            blob = blob_id(content)
            contents[blob] = content
            files.append(TreeFile(path, blob, len(content)))
            newest = max(newest, changed)
            if len(files) > self._limits.files:
                break
        listed = Listed().after((), files, self._limits)
        digest = hashlib.blake2b(digest_size=20)
        for file in listed.files.values():
            digest.update(f"{file.path}\0{file.blob}\0".encode())
        sha = digest.hexdigest()
        at = datetime.fromtimestamp(newest or root.stat().st_mtime, UTC)
        commit = Commit(sha, "working tree", "", "files as they are, committed or not", at)
        snapshot = Snapshot(f"worktree@{sha}", sha, commit, tuple(listed.files.values()))
        return _Capture(snapshot, contents)

    def _documents(self, root: Path) -> Iterator[tuple[str, bytes, float]]:
        """Path, content and time of change of each document."""
        if not root.is_dir():
            raise TreeRefusedError(f"there is no folder {root}; set another path")
        if root.resolve() != root:
            raise TreeRefusedError(f"{root}: a part of the path is a link, which is never followed")
        try:
            for folder, subfolders, names, descriptor in os.fwalk(root, follow_symlinks=False):
                below = os.path.relpath(folder, root).replace(os.sep, "/")
                prefix = "" if below == "." else below + "/"
                subfolders[:] = self._entered(subfolders, prefix, descriptor)
                entries = (Entry("100644", "", prefix + name) for name in sorted(names))
                for entry in documents(entries, self._wanted):
                    content, changed = self._content(entry.path, descriptor)
                    yield entry.path, content, changed
        except OSError as error:
            raise AccessDeniedError(f"cannot read the working tree: {error}") from error

    def _entered(self, subfolders: list[str], prefix: str, descriptor: int) -> list[str]:
        entered: list[str] = []
        for name in sorted(subfolders):
            path = prefix + name
            if name == ".git" or not self._wanted(path + "/document.yaml"):
                continue
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                refuse(Entry(LINK, "", path))
            if (self._top / self.path / path / ".git").exists():
                refuse(Entry(SUBMODULE, "", path))
            entered.append(name)
        return entered

    def _content(self, path: str, descriptor: int) -> tuple[bytes, float]:
        name = path.rsplit("/", 1)[-1]
        facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISLNK(facts.st_mode):
            refuse(Entry(LINK, "", path))
        if not stat.S_ISREG(facts.st_mode):
            raise TreeRefusedError(f"{path}: is not an ordinary file")
        with os.fdopen(os.open(name, _OPEN, dir_fd=descriptor), "rb") as file:
            content = file.read(self._limits.file_bytes + 1)
        check_size(path, max(len(content), facts.st_size), self._limits)
        check_content(path, content)
        return content, facts.st_mtime


def blob_id(content: bytes) -> str:
    """The object id that git gives to this content."""
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
