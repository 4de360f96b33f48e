"""The catalogs that are shipped with the program."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from controller.config.contents import FileContent
from controller.config.load import SourceFile, load
from controller.errors import ConfigError
from controller.model.documents import Check

_PACKAGE = Path(__file__).resolve().parent.parent


def builtin_files(package: Path = _PACKAGE) -> list[SourceFile]:
    """The shipped files, with paths as in a repository; from the wheel, else from the checkout."""
    installed = package / "builtin" / "checks"
    folder = installed if installed.is_dir() else package.parent / "checks"
    return [
        SourceFile(f"checks/{path.relative_to(folder).as_posix()}", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".yaml", ".yml"} and path.is_file()
    ]


@cache
def builtin_checks() -> tuple[Check, ...]:
    """The shipped checks, sorted by id.

    Raises:
        ConfigError: If a shipped file is broken, which only a damaged installation makes so.
    """
    loaded = load(builtin_files(), as_of=datetime.max.replace(tzinfo=UTC))
    errors = [problem for problem in loaded.problems if problem.level == "error"]
    if errors:
        raise ConfigError(f"the shipped catalogs are damaged: {errors[0]}; install again")
    checks = loaded.configuration.checks
    return tuple(checks[name].document for name in sorted(checks))


def builtin_checks_if_wanted(contents: Iterable[FileContent]) -> tuple[Check, ...]:
    """The shipped checks when one of the contents is settings that ask for them."""
    wanted = any(c.settings is not None and c.settings.builtin_checks for c in contents)
    return builtin_checks() if wanted else ()
