"""Where a mirror lives on disk: made beside and renamed, locked, and swept of what a crash left.

The lock is inherited by every git process of this mirror, so it lasts until the last of them is gone,
also when the controller itself was killed. Whoever holds it may therefore remove lock files of git and
half-written packs: nobody is writing them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from controller.errors import FetchFailedError

CONFIG: Final = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
"""The whole of a mirror's own configuration, always: nothing that comes from data is written to it."""

_TOP_LOCKS: Final = ("*.lock", "gc.pid", "objects/info/*.lock", "objects/info/**/*.lock")
_HALF_WRITTEN: Final = (
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/pack/*.lock",
    "objects/tmp_*",
    "objects/??/tmp_obj_*",
)


class MirrorFolder:
    """One source's folder below the data folder."""

    def __init__(self, data: Path, name: str) -> None:
        self.root = data / "mirrors" / name
        self.mirror = self.root / "mirror.git"
        self.home = self.root / "home"
        self.global_config = self.home / "gitconfig"
        self._lock: int | None = None

    def open(self, global_config: str) -> int:
        """Make the folder, lock it and write git's global configuration; return the lock.

        Raises:
            FetchFailedError: Another process uses it, or the disk refuses.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._lock is None:
                self._lock = _locked(self.root / "lock")
            self.global_config.write_text(global_config, encoding="utf-8")
            for left_over in self.root.glob("building-*"):
                shutil.rmtree(left_over)
            for left_over in (*self.root.glob("old-*"), *self.root.glob("keys-*")):
                shutil.rmtree(left_over)
        except BlockingIOError as error:
            raise FetchFailedError(
                f"the mirror {self.root} is in use by another process; "
                "stop the other controller, or wait until its last git process has ended"
            ) from error
        except OSError as error:
            raise FetchFailedError(f"the mirror {self.root} cannot be used: {error}") from error
        return self._lock

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def exists(self) -> bool:
        """Whether there is a mirror, damaged or not."""
        return self.mirror.is_dir()

    def beside(self) -> Path:
        """A new empty folder on the same file system, to build in."""
        return Path(tempfile.mkdtemp(prefix="building-", dir=self.root))

    def put_in_place(self, built: Path) -> None:
        """Swap a built mirror for the one in use."""
        if self.exists():
            old = Path(tempfile.mkdtemp(prefix="old-", dir=self.root))
            self.mirror.rename(old / "mirror.git")
            built.rename(self.mirror)
            shutil.rmtree(old, ignore_errors=True)
        else:
            built.rename(self.mirror)

    def sweep(self) -> None:
        """Remove stale locks and half-written packs, and restore the mirror's configuration."""
        for path in _left_behind(self.mirror):
            with suppress(FileNotFoundError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        write_config(self.mirror)


def write_config(mirror: Path) -> None:
    """Make a mirror's configuration the template again, if it is not."""
    config = mirror / "config"
    if not config.is_file() or config.is_symlink() or config.read_bytes() != CONFIG:
        fresh = mirror / "config.fresh"
        fresh.write_bytes(CONFIG)
        fresh.replace(config)


def _left_behind(mirror: Path) -> Iterator[Path]:
    for pattern in (*_TOP_LOCKS, *_HALF_WRITTEN):
        yield from list(mirror.glob(pattern))
    yield from list((mirror / "refs").rglob("*.lock"))


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
