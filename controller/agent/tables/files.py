"""Files by path: ``file`` and ``hash``.

As in osquery a query must fix ``path`` or ``directory``. In a ``LIKE`` pattern ``%`` stands for one
level and a final ``%%`` for everything below; an underscore is itself, except beside a ``%``. What a
pattern expands to is bounded.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from typing import Final

from controller.agent.tables.system import System, unreadable
from controller.agent.tables.table import Constraints, Table, TableRow, columns
from controller.errors import QueryFailedError

MOST_PATHS: Final = 10_000
"""How many paths one pattern may expand to."""
_PIECE: Final = 1024 * 1024
_TYPES: Final = (
    (stat.S_ISREG, "regular"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, "symlink"),
    (stat.S_ISBLK, "block"),
    (stat.S_ISCHR, "character"),
    (stat.S_ISFIFO, "fifo"),
    (stat.S_ISSOCK, "socket"),
)


def wanted_paths(system: System, fixed: Constraints) -> Iterator[str]:
    """The paths that a query's constraints on ``path`` and ``directory`` name."""
    path, folder = fixed.equal.get("path"), fixed.equal.get("directory")
    if path is not None:
        yield from [path] if path.startswith("/") else []
    elif folder is not None:
        yield from _children(system, folder)
    elif "path" in fixed.like:
        yield from _bounded(expand(system, fixed.like["path"]), fixed.like["path"])
    else:
        pattern = fixed.like.get("directory", "")
        found = (
            child
            for parent in expand(system, pattern)
            if _is_folder(system, parent)
            for child in _children(system, parent)
        )
        yield from _bounded(found, pattern)


def expand(system: System, pattern: str) -> Iterator[str]:
    """The paths that a ``LIKE`` pattern matches, level by level."""
    parts = [part for part in pattern.split("/") if part]
    return _expand(system, "", parts) if pattern.startswith("/") else iter(())


def _expand(system: System, parent: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield parent or "/"
    elif len(parts) == 1 and parts[0].endswith("%%"):
        yield from _below(system, parent, parts[0])
    elif "%" not in parts[0]:
        if system.exists(f"{parent}/{parts[0]}") or len(parts) == 1:
            yield from _expand(system, f"{parent}/{parts[0]}", parts[1:])
    else:
        fits = _component(parts[0])
        for name in system.names(parent or "/"):
            if fits.fullmatch(name):
                yield from _expand(system, f"{parent}/{name}", parts[1:])


def _below(system: System, parent: str, part: str) -> Iterator[str]:
    fits = _component(part)
    folders = [parent or "/"]
    first = True
    while folders:
        folder = folders.pop()
        for name in system.names(folder):
            if first and not fits.fullmatch(name):
                continue
            path = posixpath.join(folder, name)
            yield path
            status = system.stat(path, follow=False)
            if status is not None and stat.S_ISDIR(status.st_mode):
                folders.append(path)
        first = False


def _component(part: str) -> re.Pattern[str]:
    # An underscore stays loose here too: LIKE takes it for any character.
    text = re.escape(part).replace("%", ".*").replace("_", ".")
    return re.compile(re.sub(r"(\.\*)+", ".*", text), re.DOTALL | re.IGNORECASE)


def _children(system: System, folder: str) -> Iterator[str]:
    if folder.startswith("/"):
        yield from (posixpath.join(folder, name) for name in system.names(folder))


def _is_folder(system: System, path: str) -> bool:
    status = system.stat(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _bounded(paths: Iterator[str], pattern: str) -> Iterator[str]:
    for number, path in enumerate(paths):
        if number >= MOST_PATHS:
            raise QueryFailedError(
                f"{pattern!r} stands for more than {MOST_PATHS} paths; name a narrower one"
            )
        yield path


def _file(system: System, fixed: Constraints) -> Iterator[TableRow]:
    for path in wanted_paths(system, fixed):
        system.tick()
        own = system.stat(path, follow=False)
        if own is None:
            continue
        linked = stat.S_ISLNK(own.st_mode)
        # A link answers with what it leads to; a broken one with itself.
        status = (system.stat(path) or own) if linked else own
        yield {
            "path": path,
            "directory": posixpath.dirname(path.rstrip("/")) or "/",
            "filename": posixpath.basename(path.rstrip("/")),
            "symlink": int(linked),
            "symlink_target_path": system.link(path) or "" if linked else "",
            **_status_columns(status),
        }


def _status_columns(status: os.stat_result) -> dict[str, str | int]:
    return {
        "inode": status.st_ino,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "device": status.st_rdev,
        "size": status.st_size,
        "block_size": status.st_blksize,
        "atime": int(status.st_atime),
        "mtime": int(status.st_mtime),
        "ctime": int(status.st_ctime),
        "btime": 0,
        "hard_links": status.st_nlink,
        "type": next((word for test, word in _TYPES if test(status.st_mode)), "unknown"),
        "pid_with_namespace": 0,
        "mount_namespace_id": "",
    }


def _hash(system: System, fixed: Constraints) -> Iterator[TableRow]:
    for path in wanted_paths(system, fixed):
        status = system.stat(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            continue
        yield {
            "path": path,
            "directory": posixpath.dirname(path) or "/",
            "pid_with_namespace": 0,
            "mount_namespace_id": "",
            **_digests(system, path),
        }


def _digests(system: System, path: str) -> dict[str, str]:
    made = {name: hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")}
    try:
        with system.path(path).open("rb") as file:
            while piece := file.read(_PIECE):
                system.tick()
                for digest in made.values():
                    digest.update(piece)
    except OSError as error:
        raise unreadable(path, error) from error
    return {name: digest.hexdigest() for name, digest in made.items()}


TABLES: Final = (
    Table(
        "file",
        columns(
            "path directory filename inode:bigint uid:bigint gid:bigint mode device:bigint "
            "size:bigint block_size:integer atime:bigint mtime:bigint ctime:bigint btime:bigint "
            "hard_links:integer symlink:integer type symlink_target_path "
            "pid_with_namespace:integer:hidden mount_namespace_id:text:hidden"
        ),
        _file,
        index=frozenset({"path", "directory"}),
        required=frozenset({"path", "directory"}),
    ),
    Table(
        "hash",
        columns(
            "path directory md5 sha1 sha256 pid_with_namespace:integer:hidden "
            "mount_namespace_id:text:hidden"
        ),
        _hash,
        index=frozenset({"path", "directory"}),
        required=frozenset({"path", "directory"}),
    ),
)
