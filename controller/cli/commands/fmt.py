"""``gitward fmt``: put the fields of documents into their usual order; comments stay with them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from controller.cli import exit_codes
from controller.errors import ConflictError, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the option."""
    parser.add_argument("path", nargs="?", type=Path, default=Path(), help="the repository's root")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; 1 when a file would change"
    )


def run(options: argparse.Namespace) -> int:
    """Rewrite what is not in its usual form; 1 when a file cannot be read, or with --check differs."""
    from controller.config.directory import read_directory
    from controller.config.tidy import tidied

    if not options.path.is_dir():
        raise UsageError(f"{str(options.path)!r} is no folder; name the root of a repository")
    files, problems = read_directory(options.path)
    for problem in problems:
        print(problem, file=sys.stderr)
    changed = unclear = 0
    for file in files:
        text = _text(file.content)
        after = None if text is None else tidied(file.path, text)
        if after is None:
            unclear += 1
            print(f"{file.path}: left as it is; gitward validate says what is wrong, or a comment "
                  "stands where no order keeps it", file=sys.stderr)  # fmt: skip
        elif after != text:
            changed += 1
            print(file.path)
            if not options.check:
                _write(options.path / file.path, after)
    wrong = problems or unclear or (changed and options.check)
    return exit_codes.PROBLEMS if wrong else exit_codes.OK


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole, with the rights it had."""
    beside = path.with_name(f".{path.name}.gitward")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.chmod(path.stat().st_mode & 0o7777)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConflictError(f"cannot write {path}: {error}") from error
