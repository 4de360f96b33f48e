"""What a rule says about a document, before it has a place. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controller.config.nodes import Node, Path, dotted
from controller.model.problem import Problem


class Finding(NamedTuple):
    """One thing wrong with one field of a document; level and clock are the code's."""

    code: str
    field: Path
    message: str


def located(finding: Finding, path: str, node: Node, prefix: Path = ()) -> Problem:
    """The finding at the place of its field, or of the nearest thing around it that is written.

    Args:
        finding: What is wrong.
        path: The file.
        node: The document.
        prefix: Where in the file's document ``node`` stands, for checks of a catalog.
    """
    found, taken = node.nearest(finding.field)
    line, column = found.line, found.column
    of_key = finding.code == "GW201" or taken < len(finding.field)
    if of_key and found.key is not None:
        line, column, _ = found.key
    return problem(
        finding.code, path, line, column, dotted(prefix + finding.field), finding.message
    )


def problem(code: str, path: str, line: int, column: int, field: str, message: str) -> Problem:
    """A problem with the level that its code has."""
    from controller.config.codes import CODES  # only needed once something is wrong

    row = CODES[code]
    return Problem(path, line, column, code, field, message, row.level, row.clock)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "weight"?``, or nothing when nothing comes close."""
    from difflib import get_close_matches  # only needed once something is wrong

    close = get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f'; did you mean "{close[0]}"?' if close else ""
