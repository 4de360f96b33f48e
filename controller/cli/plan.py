"""``gitward plan``: show what a merge would add, change, move, adopt and delete. Offline."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controller.cli import exit_codes
from controller.cli.options import format_option, option
from controller.cli.plan_markdown import plan_markdown
from controller.cli.plan_text import plan_text

if TYPE_CHECKING:
    from controller.model.configuration import Configuration
    from controller.model.problem import Problem
    from controller.source.local import LocalRepository

_MOST_PROBLEMS: Final = 50
_FORMATS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "text": plan_text,
    "json": partial(json.dumps, indent=2),
    "markdown": plan_markdown,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(
        parser, "--repo", type=Path, default=Path(), metavar="DIR", help="a repository (default: .)"
    )
    option(parser, "--path", default=".", help="the documents' folder, from DIR (default: .)")
    option(parser, "--base", default="HEAD", metavar="REV", help="what is in force (default: HEAD)")
    option(
        parser,
        "--head",
        default=".",
        metavar="REV",
        help="what would be; . is the files as they are",
    )
    format_option(parser, *_FORMATS)


def run(options: argparse.Namespace) -> int:
    """Print the plan; 0 no change, 1 changes, 3 the head has problems or cannot be read."""
    from controller.config.load import is_document
    from controller.reconcile.review import compare, held_reason, plan_body
    from controller.source.local import LocalRepository

    as_of = datetime.now(UTC)
    repository = LocalRepository(options.repo, path=options.path, wanted=is_document)
    with closing(repository):
        base_name, base, wrong_base = _read(repository, options.base, as_of)
        head_name, head, wrong_head = _read(repository, options.head, as_of)
    if wrong_head or wrong_base:
        _refuse(options.head, wrong_head, "nothing of it would be applied")
        _refuse(options.base, wrong_base, "it is not in force; name the last good one with --base")
        return exit_codes.FAILED
    made = compare(base, head, as_of=as_of)
    held = held_reason(made, base)
    body = plan_body(made, base, head, base_revision=base_name, head_revision=head_name, held=held)
    print(_FORMATS[options.format](body))
    return exit_codes.PROBLEMS if made else exit_codes.OK


def _read(
    repository: LocalRepository, revision: str, as_of: datetime
) -> tuple[str, Configuration, list[Problem]]:
    """A revision's name, what it declares, and its problems that do not depend on the time."""
    from controller.config.builtin import builtin_checks_if_wanted
    from controller.config.load import SourceFile, assemble, read_file

    snapshot = repository.snapshot(revision)
    texts = repository.read(snapshot)
    contents = [read_file(SourceFile(file.path, texts[file.blob])) for file in snapshot.files]
    builtin = builtin_checks_if_wanted(contents)
    loaded = assemble(contents, as_of=as_of, builtin_checks=builtin)
    errors = [each for each in loaded.problems if each.level == "error" and not each.clock]
    return snapshot.revision, loaded.configuration, errors


def _refuse(revision: str, errors: list[Problem], so: str) -> None:
    """Name what is wrong: what cannot be read must not pass for something that is not there."""
    if not errors:
        return
    for problem in errors[:_MOST_PROBLEMS]:
        print(problem, file=sys.stderr)
    more = f" (the first {_MOST_PROBLEMS} are shown)" if len(errors) > _MOST_PROBLEMS else ""
    where = "the files as they are" if revision == "." else revision
    count = f"{len(errors)} problem{'s' if len(errors) > 1 else ''}"
    print(f"gitward plan: {count} in {where}{more}; {so}", file=sys.stderr)
