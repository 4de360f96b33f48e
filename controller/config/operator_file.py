"""Files that an operator writes for the controller itself, read as strictly as documents are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TypeVar

from controller.config import parse
from controller.config.finding import located
from controller.config.nodes import Path as FieldPath
from controller.config.shape import build
from controller.errors import UsageError
from controller.model.documents import Document
from controller.model.operator import NotificationsFile, SourcesFile

F = TypeVar("F", bound=Document)
_MOST_BYTES = 1024 * 1024


def read_sources(file: Path) -> SourcesFile:
    """The sources that a file declares.

    Raises:
        UsageError: It cannot be read, or is wrong; every problem is told with its line.
    """
    found = _read(file, SourcesFile)
    _refuse_twins(file, "source", [each.name for each in found.sources])
    return found


def read_notifications(file: Path) -> NotificationsFile:
    """Whom a file says to tell.

    Raises:
        UsageError: It cannot be read, or is wrong; every problem is told with its line.
    """
    found = _read(file, NotificationsFile)
    _refuse_twins(file, "target", [each.name for each in found.targets])
    return found


def _read(file: Path, model: type[F]) -> F:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{file} is larger than a mebibyte; that cannot be meant")
    reading = parse.read(str(file), content)
    told = [str(each) for each in reading.problems if each.level == "error"]
    if len(reading.documents) != 1 and not told:
        raise UsageError(f"{file} must hold one document; it holds {len(reading.documents)}")
    node = reading.documents[0] if reading.documents else None
    if told or node is None or not isinstance(node.value, dict):
        raise UsageError("\n".join(told) or f"{file}: write 'field: value' lines")

    def spell(path: FieldPath, value: object) -> str:
        nearest, taken = node.nearest(path)
        return nearest.raw if taken == len(path) and nearest.raw is not None else str(value)

    document, findings = build(model, node.value, spell)
    if document is None:
        raise UsageError("\n".join(str(located(each, str(file), node)) for each in findings))
    return document


def _refuse_twins(file: Path, word: str, names: list[str]) -> None:
    twins = sorted(name for name, count in Counter(names).items() if count > 1)
    if twins:
        raise UsageError(f"{file}: the {word} {twins[0]!r} is declared twice; rename one")
