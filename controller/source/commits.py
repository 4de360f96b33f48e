"""One repository's history: what commits add, who changed what last, and who signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controller.errors import RevisionNotFoundError, VerificationFailedError
from controller.model.source import Commit, Signature
from controller.source import history, signatures
from controller.source.file_history import FileHistory
from controller.source.git import Git
from controller.source.keyring import Keyring
from controller.source.object_access import ObjectAccess, failed
from controller.source.path_walk import PathWalk

HISTORY_BYTES: Final = 32 * 1024 * 1024


class Commits(ObjectAccess):
    """Reads commits, read-only."""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is in the history of ``new``, which must be here."""
        if self.resolve(old) is None:
            self._check_absence(old)
            return False
        done = self._run("merge-base", "--is-ancestor", "--end-of-options", old, new)
        if done.status not in {0, 1}:
            raise failed(f"cannot compare {old[:12]} with {new[:12]}", done)
        return done.status == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The newest commit in the history of both, which must be here."""
        done = self._run("merge-base", "--end-of-options", one, other)
        if done.status not in {0, 1}:
            raise failed(f"cannot compare {one[:12]} with {other[:12]}", done)
        return done.out.decode("ascii", "replace").split("\n", 1)[0] or None

    def commits(self, old: str | None, new: str) -> tuple[Commit, ...]:
        """What ``new`` adds to ``old``, newest first, bounded."""
        names = [new] if old is None or self.resolve(old) is None else [new, f"^{old}"]
        done = self._run(
            "log", "-z", f"--max-count={self._limits.commits}", history.FORMAT,
            "--end-of-options", *names, "--",
            max_output=HISTORY_BYTES,
        )  # fmt: skip
        if done.status != 0:
            raise failed(f"cannot read the history of {new[:12]}", done)
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
            max_output=HISTORY_BYTES,
        )
        if done.status != 0:
            raise failed(f"cannot verify the history of {new[:12]}", done)
        found = tuple(signatures.parse_signatures(done.out, keys.forges, frozenset(keys.expired)))
        if len(found) > most:
            raise VerificationFailedError(
                f"more than {most} commits lie between {(old or '')[:12]} and {new[:12]}; verify them "
                "in smaller steps, by pushing what lies between"
            )
        return found

    def last_change(
        self, sha: str, paths: Sequence[str], since: str | None = None
    ) -> dict[str, Commit]:
        """The commit that last changed each path, from one walk that stops when all are found."""
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
            raise failed(f"cannot read the history of {sha[:12]}", done)
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
            raise failed(f"cannot read the history of {sha[:12]}", done)
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
            max_output=HISTORY_BYTES,
        )  # fmt: skip
        if done.status != 0:
            if len(shas) == 1 and self.resolve(shas[0]) is None:
                return {}
            raise failed("cannot read commits", done)
        return {commit.sha: commit for commit in history.parse_commits(done.out)}
