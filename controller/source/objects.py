"""Reads one repository's objects: trees, blobs and history, through a few git processes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from controller.errors import (
    FetchFailedError,
    RevisionNotFoundError,
    TreeRefusedError,
    VerificationFailedError,
)
from controller.model.source import Commit, Signature, revision_name
from controller.source import cat_file, history, listing, signatures
from controller.source.advance import Log
from controller.source.damage import DamagedError
from controller.source.failures import failure, looks_damaged
from controller.source.file_history import FileHistory
from controller.source.git import Finished, Git
from controller.source.interface import Each, Snapshot, Step, TreeFile, Wanted
from controller.source.keyring import Keyring
from controller.source.limits import Limits
from controller.source.path_walk import PathWalk

_EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Known to git without being stored."""
_HEADER_BYTES: Final = 128
_HISTORY_BYTES: Final = 32 * 1024 * 1024
_FEW: Final = 64
"""So many changed documents are read along with the listing."""
_TREE: Final = re.compile(rb"([0-9a-f]{40}) tree [0-9]+\n")


def _nobody(_blob: str, _content: bytes) -> None:
    """Nobody is to be told of contents as they come."""


class Objects:
    """A repository's objects, read-only.

    The last listing is kept: the next one costs what has changed, not what there is.
    """

    def __init__(
        self, git: Git, git_dir: Path, *, path: str, wanted: Wanted, limits: Limits
    ) -> None:
        self._git = git
        self._git_dir = git_dir
        self._path = path
        self._wanted = wanted
        self._limits = limits
        self._listed: tuple[str, listing.Listed] | None = None
        """The commit of the last listing, and what it listed."""
        self._step: tuple[str, Step] | None = None
        """How the last listing's commit was reached, when it was in single steps."""
        self._ahead: dict[str, bytes] = {}
        """Contents of the few documents that this step changed."""

    def resolve(self, revision: str) -> str | None:
        """The commit that a revision names, if it is here and its object can be read."""
        done = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        return done.out.decode("ascii", "replace").strip() if done.status == 0 else None

    def snapshot(self, sha: str, ref: str) -> Snapshot:
        """List the documents at a commit; ``ref`` only names the revision."""
        try:
            found = self._advance(sha)
            commit, listed = found if found is not None else (self._commit(sha), self._list(sha))
        except TreeRefusedError as error:
            raise TreeRefusedError(f"commit {sha[:12]}: {error}") from error
        step = self._step[1] if self._step is not None and self._step[0] == sha else None
        return Snapshot(revision_name(ref, sha), sha, commit, tuple(listed.files.values()), step)

    def read(self, files: Sequence[TreeFile], each: Each | None = None) -> dict[str, bytes]:
        """Contents by blob id, all through one process, and of the sizes that they were listed with."""
        each = each or _nobody
        ahead = self._ahead
        for file in files:
            listing.check_size(file.path, file.size, self._limits)
        sizes = {file.blob: file.size for file in files if file.blob not in ahead}
        total = sum(sizes.values())
        if total > self._limits.total_bytes:
            raise TreeRefusedError(
                f"{total} bytes were asked for at once, at most {self._limits.total_bytes} are read"
            )
        contents = self._contents(sizes, each)
        for blob in {file.blob for file in files if file.blob in ahead}:
            contents[blob] = ahead[blob]
            each(blob, ahead[blob])
        for file in files:
            listing.check_content(file.path, contents[file.blob])
        return contents

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is in the history of ``new``, which must be here."""
        if self._step_between(old, new) is not None:
            return True
        if self.resolve(old) is None:
            self._check_absence(old)
            return False
        done = self._run("merge-base", "--is-ancestor", "--end-of-options", old, new)
        if done.status not in {0, 1}:
            raise _failed(f"cannot compare {old[:12]} with {new[:12]}", done)
        return done.status == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The newest commit in the history of both, which must be here."""
        done = self._run("merge-base", "--end-of-options", one, other)
        if done.status not in {0, 1}:
            raise _failed(f"cannot compare {one[:12]} with {other[:12]}", done)
        return done.out.decode("ascii", "replace").split("\n", 1)[0] or None

    def commits(self, old: str | None, new: str) -> tuple[Commit, ...]:
        """What ``new`` adds to ``old``, newest first, bounded."""
        names = [new] if old is None or self.resolve(old) is None else [new, f"^{old}"]
        done = self._run(
            "log", "-z", f"--max-count={self._limits.commits}", history.FORMAT,
            "--end-of-options", *names, "--",
            max_output=_HISTORY_BYTES,
        )  # fmt: skip
        if done.status != 0:
            raise _failed(f"cannot read the history of {new[:12]}", done)
        return tuple(history.parse_commits(done.out))

    def signatures(
        self, git: Git, keys: Keyring, old: str | None, new: str
    ) -> tuple[Signature, ...]:
        """Signatures of ``new`` and of what it adds to ``old``, by a git that knows the keys."""
        most = self._limits.signed_commits
        names = [new]
        if old is None:
            most = 1
        elif self.resolve(old) is not None:
            names.append(f"^{old}")
        done = git.run(
            f"--git-dir={self._git_dir}",
            *("log", "-z", f"--max-count={most + 1 if most > 1 else 1}", signatures.FORMAT),
            *("--end-of-options", *names, "--"),
            seconds=self._limits.fetch_seconds,
            max_output=_HISTORY_BYTES,
        )
        if done.status != 0:
            raise _failed(f"cannot verify the history of {new[:12]}", done)
        found = tuple(signatures.parse_signatures(done.out, keys.forges, frozenset(keys.expired)))
        if len(found) > most:
            raise VerificationFailedError(
                f"more than {most} commits lie between {(old or '')[:12]} and {new[:12]}; verify them "
                "in smaller steps, by pushing what lies between"
            )
        return found

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """Paths below the root that differ, sorted."""
        trees = [self._tree(sha) or _EMPTY_TREE for sha in (old, new)]
        entries = self._difference(*trees)
        return tuple(sorted(listing.shown(entry.path) for entry in entries))

    def last_change(
        self, sha: str, paths: Sequence[str], since: str | None = None
    ) -> dict[str, Commit]:
        """The commit that last changed each path, from one walk that stops when all are found."""
        step = self._step_between(since, sha) if since is not None else None
        if step is not None:
            return {path: step.changed[path] for path in paths if path in step.changed}
        walk = PathWalk({f"{self._path}/{path}" if self._path else path: path for path in paths})
        if not walk.missing:
            return {}
        tops = sorted({path.split("/", 1)[0] for path in walk.missing})
        done = self._run(
            "log", "-z", "-c", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv",
            f"--max-count={self._limits.walk_commits}", f"--format=tformat:{walk.mark}%H",
            "--end-of-options", sha, *([f"^{since}"] if since else []), "--", *tops,
            max_output=self._limits.listing_bytes, consume=walk.take,
        )  # fmt: skip
        if done.status != 0 and not done.too_much:
            raise _failed(f"cannot read the history of {sha[:12]}", done)
        facts = self._facts(sorted(set(walk.found.values())))
        return {path: facts[by] for path, by in walk.found.items() if by in facts}

    def versions(
        self, sha: str, paths: Sequence[str], most: int
    ) -> dict[str, list[tuple[Commit, bytes]]]:
        """The newest versions of files below the root, newest first, from one walk.

        What is too large to be a document is left out.
        """
        walk = FileHistory(
            {f"{self._path}/{path}" if self._path else path: path for path in paths}, most
        )
        tops = sorted({path.rpartition("/")[0] or path for path in walk.paths})
        done = self._run(
            "--literal-pathspecs", "log", "-z", "-c", "--raw", "--no-abbrev", "--no-renames",
            "--no-ext-diff", "--no-textconv", f"--max-count={self._limits.walk_commits}",
            f"--format=tformat:{walk.mark}%H", "--end-of-options", sha, "--", *tops,
            max_output=self._limits.listing_bytes, consume=walk.take,
        )  # fmt: skip
        if done.status != 0 and not done.too_much:
            raise _failed(f"cannot read the history of {sha[:12]}", done)
        blobs = {blob: path for path, each in walk.found.items() for _, blob in each}
        contents = self._contents(self._small(self._sizes(blobs)))
        facts = self._facts(sorted({by for each in walk.found.values() for by, _ in each}))
        return {
            path: [(facts[by], contents[blob]) for by, blob in each if blob in contents]
            for path, each in walk.found.items()
        }

    def _small(self, sizes: dict[str, int]) -> dict[str, int]:
        """Those that are no larger than a document, until together they are too much."""
        kept, room = {}, self._limits.total_bytes
        for blob, size in sizes.items():
            if size <= min(room, self._limits.file_bytes):
                kept[blob] = size
                room -= size
        return kept

    def _commit(self, sha: str) -> Commit:
        facts = self._facts([sha])
        if not facts:
            self._check_absence(sha)
            raise RevisionNotFoundError(f"the commit {sha} is not here; reconcile again")
        return facts[sha]

    def _facts(self, shas: Sequence[str]) -> dict[str, Commit]:
        if not shas:
            return {}
        done = self._run(
            "log", "-z", "--no-walk=unsorted", history.FORMAT, "--stdin",
            stdin="".join(f"{sha}\n" for sha in shas).encode("ascii"),
            max_output=_HISTORY_BYTES,
        )  # fmt: skip
        if done.status != 0:
            if len(shas) == 1 and self.resolve(shas[0]) is None:
                return {}
            raise _failed("cannot read commits", done)
        return {commit.sha: commit for commit in history.parse_commits(done.out)}

    def healthy(self) -> bool:
        """Whether everything that the refs lead to is here and readable, as far as can be told in time."""
        try:
            done = self._run(
                "fsck", "--connectivity-only", "--no-dangling", "--no-progress", "--no-reflogs"
            )
        except FetchFailedError:
            return True  # too large to be looked through; reading will tell
        return done.status == 0

    def _check_absence(self, sha: str) -> None:
        """An object that is not found may have been lost: absence is believed of a whole mirror only."""
        if not self.healthy():
            raise DamagedError(f"{sha[:12]} is not found, and other objects are missing too")

    def _step_between(self, old: str, new: str) -> Step | None:
        known = self._step
        return known[1] if known and known[0] == new and known[1].since == old else None

    def _advance(self, sha: str) -> tuple[Commit, listing.Listed] | None:
        """The next listing from the one before and one reading of the log; none where that cannot be."""
        if self._listed is None or self._listed[0] == sha:
            return None
        since, known = self._listed
        log = Log()
        done = self._run(
            "log", *log.options(), "--end-of-options", sha, f"^{since}", "--",
            max_output=_HISTORY_BYTES,
        )  # fmt: skip
        found = log.advance(done.out, since, self._path) if done.status == 0 else None
        if found is None:
            return None
        documents = list(listing.documents(found.entries.values(), self._wanted))
        contents = self._few({entry.blob: entry.path for entry in documents if not entry.gone})
        if contents is None:
            return None
        listed = known.after(
            (entry.path for entry in documents if entry.gone),
            (TreeFile(e.path, e.blob, len(contents[e.blob])) for e in documents if not e.gone),
            self._limits,
        )
        if not listed.files:
            return None  # perhaps there is no such folder any more
        self._listed, self._ahead = (sha, listed), contents
        self._step = (sha, Step(since, found.changed))
        return found.newest, listed

    def _few(self, paths: Mapping[str, str]) -> dict[str, bytes] | None:
        """Contents by blob id, where they are few and none is too large to be read unasked."""
        if len(paths) > _FEW:
            return None
        if not paths:
            return {}
        room = (self._limits.file_bytes + _HEADER_BYTES) * len(paths)
        asked = "".join(f"{blob}\n" for blob in paths).encode("ascii")
        done = self._run("cat-file", "--batch", "--buffer", stdin=asked, max_output=room)
        if done.status != 0 or done.too_much:
            return None
        return dict(cat_file.parse_contents(done.out, dict.fromkeys(paths)))

    def _list(self, sha: str) -> listing.Listed:
        tree = self._tree(sha)
        if tree is None:
            raise TreeRefusedError(
                f"there is no folder {self._path!r} in the repository; set another path"
            )
        known, changed = self._since_last(tree)
        listing.check_count(sum(not entry.gone for entry in changed), self._limits)
        sizes = self._sizes({e.blob: e.path for e in changed if not e.size and not e.gone})
        listed = known.after(
            (entry.path for entry in changed if entry.gone),
            (
                TreeFile(e.path, e.blob, listing.size_of(e) if e.size else sizes[e.blob])
                for e in changed
                if not e.gone
            ),
            self._limits,
        )
        self._listed, self._step, self._ahead = (sha, listed), None, {}
        return listed

    def _since_last(self, tree: str) -> tuple[listing.Listed, list[listing.Entry]]:
        """What was listed last, and the documents that are new, different or gone since."""
        if self._listed is not None:
            before, known = self._listed
            try:
                entries = self._difference(f"{before}:{self._path}", tree)
            except DamagedError:
                self._listed = None  # an abandoned commit may have been cleared away since
            else:
                return known, list(listing.documents(entries, self._wanted))
        return listing.Listed(), self._documents(tree)

    def _tree(self, sha: str) -> str | None:
        """The id of the tree at the root; ``None`` when there is no such folder."""
        name = f"{sha}:{self._path}"
        answer = self._batch(["--batch-check"], [name], _HEADER_BYTES + len(name.encode()))
        found = _TREE.match(answer)
        return found[1].decode("ascii") if found is not None else None

    def _documents(self, tree: str) -> list[listing.Entry]:
        found = listing.Documents(self._wanted)
        done = self._run(
            "ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", tree,
            max_output=self._limits.listing_bytes, consume=found.take,
        )  # fmt: skip
        self._listing_of(done)
        return found.entries

    def _difference(self, old: str, new: str) -> Iterator[listing.Entry]:
        done = self._run(
            "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff",
            "--no-textconv", "--ignore-submodules=none", "--end-of-options", old, new,
            max_output=self._limits.listing_bytes,
        )  # fmt: skip
        return listing.parse_difference(self._listing_of(done))

    def _listing_of(self, done: Finished) -> bytes:
        if done.too_much:
            raise TreeRefusedError(
                "the repository has too many files to list; set a path inside it"
            )
        if done.status != 0:
            raise _failed("cannot list the repository's files", done)
        return done.out

    def _sizes(self, paths: Mapping[str, str]) -> dict[str, int]:
        """Sizes by blob id, without any content being read."""
        blobs = list(paths)
        if not blobs:
            return {}
        answer = self._batch(["--batch-check"], blobs, _HEADER_BYTES * len(blobs))
        return dict(cat_file.parse_headers(answer, paths))

    def _contents(self, sizes: Mapping[str, int], each: Each = _nobody) -> dict[str, bytes]:
        if not sizes:
            return {}
        room = sum(sizes.values()) + _HEADER_BYTES * len(sizes)
        contents = cat_file.Contents(sizes, each)
        self._batch(["--batch", "--buffer"], list(sizes), room, contents.take)
        return contents.end()

    def _batch(
        self,
        options: Sequence[str],
        names: Sequence[str],
        room: int,
        consume: Callable[[bytes], bool] | None = None,
    ) -> bytes:
        asked = "".join(f"{name}\n" for name in names).encode("utf-8")
        done = self._run("cat-file", *options, stdin=asked, max_output=room, consume=consume)
        if done.status != 0 or done.too_much:
            raise DamagedError(f"cannot read objects: {done.err.strip()[:300]}")
        return done.out

    def _run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        max_output: int = 1024 * 1024,
        consume: Callable[[bytes], bool] | None = None,
    ) -> Finished:
        return self._git.run(
            f"--git-dir={self._git_dir}",
            *arguments,
            seconds=self._limits.read_seconds,
            stdin=stdin,
            max_output=max_output,
            consume=consume,
        )


def _failed(what: str, done: Finished) -> Exception:
    if done.too_much:
        return TreeRefusedError(f"{what}: its commit messages are too large; rewrite them")
    if looks_damaged(done.err):
        return DamagedError(f"{what}: {done.err.strip()[:300]}")
    return failure(what, done.err)
