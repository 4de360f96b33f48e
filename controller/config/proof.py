"""The short way to a file's documents: taken when nothing at all is wrong with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
from controller.model.documents import AnyDocument, Catalog, Policy, RepositorySettings, Waiver

STEM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""The names of files that can stand for an id."""

A = TypeVar("A", bound=AnyDocument)
S = TypeVar("S", Policy, Waiver)


class _WrongError(Exception):
    """Something is to be told about the file."""


def proved(file: SourceFile, kind: FileKind, plain: tuple[Outline, ...]) -> FileContent | None:
    """What a file declares; none when there is anything to tell about it, be it a warning."""
    try:
        return _content(file, kind, plain)
    except (ValidationError, _WrongError):
        return None


def _content(file: SourceFile, kind: FileKind, plain: tuple[Outline, ...]) -> FileContent:
    alone = len(plain) == 1
    match kind:
        case "policy":
            policies = _several(Policy, file, plain)
            _nothing_to_tell(policies, policy_rules.findings)
            return FileContent(file.path, policies=policies, documents=len(plain))
        case "exception":
            waivers = _several(Waiver, file, plain)
            _nothing_to_tell(waivers, waiver_rules.findings)
            return FileContent(file.path, waivers=waivers, documents=len(plain))
        case "catalog":
            checks = tuple(
                _found(check, file, nth, spot, ("checks", at))
                for nth, each in enumerate(plain)
                for at, (check, spot) in enumerate(
                    zip(
                        Catalog.model_validate(_named("catalog", file, each, alone)).checks,
                        each.entries,
                        strict=True,
                    )
                )
            )
            _nothing_to_tell(checks, check_rules.findings)
            return FileContent(file.path, checks=checks, documents=len(plain))
        case "settings":
            if not alone:
                raise _WrongError
            settings = RepositorySettings.model_validate(plain[0].value)
            return FileContent(file.path, settings=settings)


def _several(model: type[S], file: SourceFile, plain: tuple[Outline, ...]) -> tuple[Found[S], ...]:
    """The documents of a file whose documents stand for themselves."""
    alone = len(plain) == 1
    return tuple(
        _found(model.model_validate(_named("id", file, each, alone)), file, nth, each.spot)
        for nth, each in enumerate(plain)
    )


def _found(document: A, file: SourceFile, nth: int, spot: Spot, prefix: Path = ()) -> Found[A]:
    return Found(Declared(document, Place(file.path, *spot)), file, nth, prefix)


def _nothing_to_tell(found: tuple[Found[A], ...], rules: Callable[[A], Iterator[Finding]]) -> None:
    for each in found:
        if next(rules(each.document), None) is not None:
            raise _WrongError


def _named(name: str, file: SourceFile, plain: Outline, alone: bool) -> dict[str, Any]:
    """The document with its id, which a file with one document can leave to its name."""
    if name in plain.value:
        return plain.value
    stem = PurePosixPath(file.path).stem
    if not alone or not STEM.fullmatch(stem):
        raise _WrongError
    return {name: stem, **plain.value}
