"""``gitward doctor``: whether this machine can run a controller, and with what."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from controller.cli import exit_codes
from controller.cli.options import option

FLOORS: Final[dict[str, tuple[int, ...]]] = {
    "gitpython": (3, 1, 60),
    "starlette": (1, 3, 1),
    "h11": (0, 16, 0),
    "pyyaml": (6, 0),
    "sqlite-utils": (4, 2),
}
"""Releases below these have known holes that would matter here."""
SQLITE_FLOOR: Final = (3, 51, 3)
_LEAST_FREE: Final = 1024**3

Finding = tuple[bool, str, str]
"""Whether it is fine, what was looked at, what was found and what to do."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(
        parser, "--data", type=Path, default=Path(".gitward"), metavar="DIR", help="the data folder"
    )


def run(options: argparse.Namespace) -> int:
    """Look, and say what to do about what is wrong."""
    findings = [_python(), _git(), _sqlite(), *map(_package, FLOORS), _data(options.data)]
    for fine, name, found in findings:
        print(f"{'ok  ' if fine else 'BAD '} {name:<14} {found}")
    return exit_codes.OK if all(fine for fine, _, _ in findings) else exit_codes.PROBLEMS


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())


def _dotted(floor: tuple[int, ...]) -> str:
    return ".".join(map(str, floor))


def _python() -> Finding:
    return sys.version_info >= (3, 11), "python", f"{platform.python_version()} (at least 3.11)"


def _git() -> Finding:
    from controller.bootstrap import git_release
    from controller.errors import ControllerError

    try:
        return True, "git", git_release()
    except ControllerError as error:
        return False, "git", str(error)


def _sqlite() -> Finding:
    from controller.bootstrap import sqlite_release

    release = sqlite_release()
    fine = _numbers(release) >= SQLITE_FLOOR
    advice = (
        "" if fine else "; install pysqlite3, older libraries can damage a database in WAL mode"
    )
    return fine, "sqlite", f"{release} (at least {_dotted(SQLITE_FLOOR)}){advice}"


def _package(name: str) -> Finding:
    floor = FLOORS[name]
    try:
        found = version(name)
    except PackageNotFoundError:
        return False, name, "is not installed"
    return _numbers(found) >= floor, name, f"{found} (at least {_dotted(floor)})"


def _data(folder: Path) -> Finding:
    if not folder.is_dir():
        return True, "data", f"{folder} does not exist yet; serve makes it"
    if folder.stat().st_mode & 0o077:
        return False, "data", f"{folder} is open to others; chmod 700 {folder}"
    free = shutil.disk_usage(folder).free
    gigabytes = free / 1024**3
    return free >= _LEAST_FREE, "data", f"{folder} has {gigabytes:.1f} GiB free (at least 1)"
