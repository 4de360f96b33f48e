"""One repository's objects, asked for through git: the ground of ``commits`` and ``objects``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from controller.errors import FetchFailedError, TreeRefusedError
from controller.source import cat_file
from controller.source.damage import DamagedError
from controller.source.failures import failure, looks_damaged
from controller.source.git import Finished, Git
from controller.source.interface import Each
from controller.source.limits import Limits

HEADER_BYTES: Final = 128
"""Of an object in git's answer, at most."""


def _nobody(_blob: str, _content: bytes) -> None:
    """Nobody is to be told of contents as they come."""


class ObjectAccess:
    """Reads objects by name, read-only."""

    def __init__(self, git: Git, git_dir: Path, *, path: str, limits: Limits) -> None:
        self._git = git
        self._git_dir = git_dir
        self._path = path
        self._limits = limits

    def resolve(self, revision: str) -> str | None:
        """The commit that a revision names, if it is here and its object can be read."""
        done = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        return done.out.decode("ascii", "replace").strip() if done.status == 0 else None

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

    def _sizes(self, paths: Mapping[str, str]) -> dict[str, int]:
        """Sizes by blob id, without any content being read."""
        blobs = list(paths)
        if not blobs:
            return {}
        answer = self._batch(["--batch-check"], blobs, HEADER_BYTES * len(blobs))
        return dict(cat_file.parse_headers(answer, paths))

    def _contents(self, sizes: Mapping[str, int], each: Each | None = None) -> dict[str, bytes]:
        if not sizes:
            return {}
        room = sum(sizes.values()) + HEADER_BYTES * len(sizes)
        contents = cat_file.Contents(sizes, each or _nobody)
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


def failed(what: str, done: Finished) -> Exception:
    """Why git could not do it, in the words of this package."""
    if done.too_much:
        return TreeRefusedError(f"{what}: its commit messages are too large; rewrite them")
    if looks_damaged(done.err):
        return DamagedError(f"{what}: {done.err.strip()[:300]}")
    return failure(what, done.err)
