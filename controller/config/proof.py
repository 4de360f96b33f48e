"""The short way to a file's documents: taken when nothing at all is wrong with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from controller.config.contents import FileContent, Found
from controller.config.files import FileKind, Outline, SourceFile, Spot
from controller.config.finding import Finding
from controller.config.nodes import Path
from controller.config.rules import checks as check_rules
from controller.config.rules import policies as policy_rules
from controller.config.rules import waivers as waiver_rules
from controller.model.configuration import Declared, Place
from controller.model.documents import (
    AnyDocument,
    Catalog,
    Check,
    Policy,
    RepositorySettings,
    Waiver,
)

STEM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""The names of files that can stand for an id."""

A = TypeVar("A", bound=AnyDocument)
S = TypeVar("S", Policy, Waiver)

Rules = Callable[[A], Iterable[Finding]]


class _WrongError(Exception):
    """Something is to be told about the file."""


def proved(file: SourceFile, kind: FileKind, plain: tuple[Outline, ...]) -> FileContent | None:
    """What a file declares; none when there is anything to tell about it, be it a warning."""
    try:
        return _content(file, kind, plain)
    except (ValidationError, _WrongError):
        return None


def _content(file: SourceFile, kind: FileKind, plain: tuple[Outline, ...]) -> FileContent:
    count = len(plain)
    match kind:
        case "policy":
            policies = tuple(_several(Policy, policy_rules.findings, file, plain))
            return FileContent(file.path, policies=policies, documents=count)
        case "exception":
            waivers = tuple(_several(Waiver, waiver_rules.findings, file, plain))
            return FileContent(file.path, waivers=waivers, documents=count)
        case "catalog":
            return FileContent(file.path, checks=tuple(_checks(file, plain)), documents=count)
        case "settings":
            if count != 1:
                raise _WrongError
            settings = RepositorySettings.model_validate(plain[0].value)
            return FileContent(file.path, settings=settings)


def _several(
    model: type[S], rules: Rules[S], file: SourceFile, plain: tuple[Outline, ...]
) -> Iterator[Found[S]]:
    """The documents of a file whose documents stand for themselves."""
    alone = len(plain) == 1
    for nth, each in enumerate(plain):
        document = model.model_validate(_named("id", file, each, alone))
        yield _found(document, rules, file, nth, each.spot)


def _checks(file: SourceFile, plain: tuple[Outline, ...]) -> Iterator[Found[Check]]:
    alone = len(plain) == 1
    for nth, each in enumerate(plain):
        checks = Catalog.model_validate(_named("catalog", file, each, alone)).checks
        if len(checks) != len(each.entries):
            raise _WrongError  # the places are not those of the checks
        for at, (check, spot) in enumerate(zip(checks, each.entries, strict=True)):
            yield _found(check, check_rules.findings, file, nth, spot, ("checks", at))


def _found(
    document: A, rules: Rules[A], file: SourceFile, nth: int, spot: Spot, prefix: Path = ()
) -> Found[A]:
    """A document about which its rules have nothing to tell."""
    for _ in rules(document):
        raise _WrongError
    return Found(Declared(document, Place(file.path, *spot)), file, nth, prefix)


def _named(name: str, file: SourceFile, plain: Outline, alone: bool) -> dict[str, Any]:
    """The document with its id, which a file with one document can leave to its name."""
    if name in plain.value:
        return plain.value
    stem = PurePosixPath(file.path).stem
    if not alone or not STEM.fullmatch(stem):
        raise _WrongError
    return {name: stem, **plain.value}
