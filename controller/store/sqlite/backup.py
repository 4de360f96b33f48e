"""Copies of the embedded store: taken while it is written to, and checked before they are trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controller.errors import BackupError, StoreInUseError

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3

DATABASE: Final = "gitward.db"
_COUNTED: Final = ("object", "machine", "revision", "audit")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, by table."""

    counts: Mapping[str, int]

    def __str__(self) -> str:
        counts = self.counts
        return (
            f"{counts['object']} objects, {counts['machine']} machines, "
            f"{counts['revision']} revisions, {counts['audit']} audit entries"
        )


def back_up(data: Path, target: Path) -> Contents:
    """Copy a data folder's database to a new file, beside a running controller.

    The copy holds everything that was committed before it began.

    Raises:
        BackupError: There is nothing to copy, the target exists, or the copy is not whole.
    """
    database = data / DATABASE
    if not database.is_file():
        raise BackupError(f"there is no {database}; name the controller's data folder with --data")
    if target.exists():
        raise BackupError(f"{target} exists already; a backup is never written over")
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=30
        )
        try:
            if not connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
                connection.execute(
                    "PRAGMA auto_vacuum = INCREMENTAL"
                )  # of the copy; see the driver
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        finally:
            connection.close()
        found = inspect(unfinished)
        unfinished.chmod(0o600)
        _to_disk(unfinished)
        unfinished.replace(target)
        _to_disk(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"the backup could not be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return found


def restore(source: Path, data: Path) -> Contents:
    """Put a backup into an empty data folder.

    Raises:
        BackupError: The file is not a whole backup of this program.
        StoreInUseError: The folder has a database already.
    """
    found = inspect(source)
    database = data / DATABASE
    if database.exists():
        raise StoreInUseError(f"{database} exists already; restore into a new --data folder")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = data / f".{DATABASE}.unfinished"
    try:
        unfinished.write_bytes(source.read_bytes())
        unfinished.chmod(0o600)
        _to_disk(unfinished)
        inspect(unfinished)
        unfinished.replace(database)
        _to_disk(data)
    except OSError as error:
        raise BackupError(f"the backup could not be put in place: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return found


def inspect(path: Path) -> Contents:
    """Check a database file whole, and count what it holds.

    Raises:
        BackupError: It is missing, empty, damaged, or of another program.
    """
    if not path.is_file():
        raise BackupError(f"there is no file {path}")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            counts = {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                for table in _COUNTED
            }
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BackupError(f"{path} is not a database of this program: {error}") from error
    if verdict != "ok":
        raise BackupError(f"{path} is damaged: {verdict}")
    return Contents(counts)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
