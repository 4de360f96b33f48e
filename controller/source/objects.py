"""One repository's documents at a commit: which there are, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from controller.errors import TreeRefusedError
from controller.model.source import Commit, revision_name
from controller.source import cat_file, listing
from controller.source.advance import Log
from controller.source.commits import HISTORY_BYTES, Commits
from controller.source.damage import DamagedError
from controller.source.git import Finished, Git
from controller.source.interface import Each, Snapshot, Step, TreeFile, Wanted
from controller.source.limits import Limits
from controller.source.object_access import HEADER_BYTES, failed

_EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Known to git without being stored."""
_FEW: Final = 64
"""So many changed documents are read along with the listing."""
_TREE: Final = re.compile(rb"([0-9a-f]{40}) tree [0-9]+\n")


class Objects(Commits):
    """A repository's objects, read-only.

    The last listing is kept: the next one costs what has changed, not what there is.
    """

    def __init__(
        self, git: Git, git_dir: Path, *, path: str, wanted: Wanted, limits: Limits
    ) -> None:
        super().__init__(git, git_dir, path=path, limits=limits)
        self._wanted = wanted
        self._listed: tuple[str, listing.Listed] | None = None
        """The commit of the last listing, and what it listed."""
        self._step: tuple[str, Step] | None = None
        """How the last listing's commit was reached, when it was in single steps."""
        self._ahead: dict[str, bytes] = {}
        """Contents of the few documents that this step changed."""

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
            if each is not None:
                each(blob, ahead[blob])
        for file in files:
            listing.check_content(file.path, contents[file.blob])
        return contents

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """Paths below the root that differ, sorted."""
        trees = [self._tree(sha) or _EMPTY_TREE for sha in (old, new)]
        entries = self._difference(*trees)
        return tuple(sorted(listing.shown(entry.path) for entry in entries))

    def is_ancestor(self, old: str, new: str) -> bool:
        """As of any commits; the step to the last listing is known without git."""
        return self._step_between(old, new) is not None or super().is_ancestor(old, new)

    def last_change(
        self, sha: str, paths: Sequence[str], since: str | None = None
    ) -> dict[str, Commit]:
        """As of any commits; the step to the last listing is known without git."""
        step = self._step_between(since, sha) if since is not None else None
        if step is None:
            return super().last_change(sha, paths, since)
        return {path: step.changed[path] for path in paths if path in step.changed}

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
            max_output=HISTORY_BYTES,
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
        room = (self._limits.file_bytes + HEADER_BYTES) * len(paths)
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
        answer = self._batch(["--batch-check"], [name], HEADER_BYTES + len(name.encode()))
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
            raise failed("cannot list the repository's files", done)
        return done.out
