"""``gitward validate``: report every problem of a configuration repository."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Final

from controller.cli import exit_codes
from controller.cli.options import format_option, option
from controller.cli.reports.outcome import Outcome
from controller.config.read_ahead import ReadAhead
from controller.errors import UsageError


def _text(outcome: Outcome) -> str:
    return "\n".join(
        f"{problem}{' (warning)' if problem.level == 'warning' else ''}"
        for problem in outcome.problems
    )


def _json(outcome: Outcome) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(
        {
            "valid": outcome.ok,
            "files": outcome.files,
            "documents": outcome.documents,
            "problems": [asdict(problem) for problem in outcome.problems],
        },
        indent=2,
    )


def _report(name: str) -> Callable[[Outcome], str]:
    """A renderer of ``reports``, imported when it is used: most runs print text."""

    def render(outcome: Outcome) -> str:
        rendered: str = import_module(f"controller.cli.reports.{name}").render(outcome)
        return rendered

    return render


RENDERERS: Final[dict[str, Callable[[Outcome], str]]] = {
    "text": _text,
    "json": _json,
    **{name: _report(name) for name in ("sarif", "github", "gitlab", "junit")},
}
"""Format to its renderer, which returns what goes to standard output."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="?", default=".", help="the repository's root (default: .)")
    format_option(parser, *RENDERERS)
    option(parser, "--strict", action="store_true", help="warnings count as problems too")
    option(
        parser,
        "--as-of",
        metavar="TIME",
        help="judge what has ended at this date or time with offset instead of now",
    )


def run(options: argparse.Namespace) -> int:
    """Validate and print; exit code 1 when something is wrong or there is nothing to validate."""
    gc.disable()  # a short process that keeps nearly all it makes
    outcome = check(Path(options.path), strict=options.strict, as_of=read_time(options.as_of))
    rendered = RENDERERS[options.format](outcome)
    if rendered:
        # A file's name may hold bytes that no encoding can print.
        print(rendered.encode("utf-8", "replace").decode())
    print(_summary(outcome), file=sys.stderr)
    gc.freeze()  # nothing is looked through once more on the way out
    return exit_codes.OK if outcome.ok and outcome.documents else exit_codes.PROBLEMS


def read_time(text: str | None) -> datetime:
    """A point in time given on the command line, or now.

    Raises:
        UsageError: If it is neither a date nor a time with offset.
    """
    if text is None:
        return datetime.now(UTC)
    from controller.model.documents import parse_instant

    try:
        instant = parse_instant(text)
    except ValueError as error:
        raise UsageError(f"--as-of {text!r}: {error}") from None
    if not isinstance(instant, datetime):
        raise UsageError(f"--as-of {text!r} is no time")
    return instant


def check(root: Path, *, strict: bool, as_of: datetime) -> Outcome:
    """Read and judge the repository at ``root``.

    Raises:
        UsageError: If there is no such folder.
    """
    if not root.is_dir():
        raise UsageError(f"{str(root)!r} is no folder; name the root of a configuration repository")
    ahead = ReadAhead(root)  # before the imports: it reads while they go on
    from controller.config.builtin import builtin_checks_if_wanted
    from controller.config.load import Outline, SourceFile, assemble, judge
    from controller.model.problem import Problem

    read, problems, plain = ahead.result()
    files = [SourceFile(*each) for each in read]
    outlines = [None if each is None else tuple(Outline(*one) for one in each) for each in plain]
    contents = [judge(file, each) for file, each in zip(files, outlines, strict=True)]
    loaded = assemble(contents, as_of=as_of, builtin_checks=builtin_checks_if_wanted(contents))
    documents = sum(content.documents for content in contents)
    found = sorted({*(Problem(*each) for each in problems), *loaded.problems})
    return Outcome(str(root), found, len(files), documents, strict)


def _summary(outcome: Outcome) -> str:
    errors = sum(problem.level == "error" for problem in outcome.problems)
    warnings = len(outcome.problems) - errors
    read = f"{_count(outcome.documents, 'document')} in {_count(outcome.files, 'file')}"
    if not outcome.documents and not outcome.problems:
        return (
            f"no documents found under {outcome.root!r}: nothing was validated; documents are "
            "*.yaml files below policies/, checks/ and exceptions/"
        )
    if not outcome.problems:
        return f"{read}: no problems"
    strict = "; --strict counts both" if outcome.strict and warnings else ""
    worst = next(filter(outcome.counts, outcome.problems), outcome.problems[0])
    hint = f"gitward explain {worst.code}"
    found = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}{strict}"
    empty = "no documents found; " if not outcome.documents else ""
    return f"{empty}{read}: {found} ({hint} says more)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
