"""``gitward init``: a configuration repository to start from, which passes its own hooks at once."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

from controller import __version__
from controller.cli import exit_codes
from controller.cli.new_files import written
from controller.errors import ConflictError, UsageError

_FILES: Final[dict[str, str]] = {
    "README.md": "README.md",
    "gitward.yaml": "gitward.yaml",
    "policies/linux-servers.yaml": "policy.yaml",
    "checks/base.yaml": "checks.yaml",
    "exceptions/README.md": "exceptions.md",
    ".pre-commit-config.yaml": "pre-commit.yaml",
    ".github/workflows/gitward.yml": "github.yml",
    ".gitlab-ci.yml": "gitlab.yml",
    "CODEOWNERS": "CODEOWNERS",
}
"""Path in the new repository to the file of ``scaffold`` that it is made from."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9@:/._~+-]{1,500}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="the folder to fill")
    parser.add_argument(
        "--hooks-repo",
        metavar="URL",
        help="the pre-commit hook comes from this repository, instead of the installed command",
    )
    parser.add_argument("--hooks-rev", metavar="REV", help="and from this tag or commit of it")


def run(options: argparse.Namespace) -> int:
    """Write the files, all or none; what is there already is never overwritten."""
    made = scaffold(options.hooks_repo, options.hooks_rev)
    taken = sorted(path for path in made if (options.directory / path).exists())
    if taken:
        raise ConflictError(
            f"{options.directory} has {', '.join(taken)} already; nothing was written, name an empty folder"
        )
    for path in list(written(options.directory, made)):
        print(options.directory / path)
    print(
        f"next: cd {shlex.quote(str(options.directory))} && git init --initial-branch=main && git "
        "add . && pre-commit install && git commit -m 'Start'",
        file=sys.stderr,
    )
    return exit_codes.OK


def scaffold(hooks_repo: str | None = None, hooks_rev: str | None = None) -> dict[str, str]:
    """Path to text.

    Raises:
        UsageError: Only one of the two is given, or it is no plain address or revision.
    """
    names = dict(_FILES)
    words = {"@VERSION@": __version__}
    if hooks_repo is not None or hooks_rev is not None:
        if not hooks_repo or not hooks_rev:
            raise UsageError("--hooks-repo and --hooks-rev go together")
        for given in (hooks_repo, hooks_rev):
            if not _PLAIN.fullmatch(given) or given.startswith("-"):
                raise UsageError(f"{given!r} is no address or revision that fits in the file")
        names[".pre-commit-config.yaml"] = "pre-commit-hooks-repo.yaml"
        words |= {"@HOOKS_REPO@": hooks_repo, "@HOOKS_REV@": hooks_rev}
    return {path: _filled(name, words) for path, name in names.items()}


def _filled(name: str, words: dict[str, str]) -> str:
    text = (files("controller.cli") / "scaffold" / name).read_text("utf-8")
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
