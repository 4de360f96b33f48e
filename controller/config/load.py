"""All files of one revision to a ``Configuration`` and every problem found. Pure.

``read_file`` judges a file by itself and can be cached; ``assemble`` judges what files are to each
other, to the repository's settings and to the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from controller.config.contents import FileContent, Found
from controller.config.files import Outline, SourceFile, is_document
from controller.config.finding import problem
from controller.config.reading import judge, read_file
from controller.config.rules import policy_references, uniqueness, waiver_references, waivers
from controller.config.rules.selected import Selected
from controller.model.configuration import Configuration, D_co, Declared
from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.problem import Problem

__all__ = [
    "FileContent",
    "Loaded",
    "Outline",
    "SourceFile",
    "assemble",
    "is_document",
    "judge",
    "load",
    "read_file",
]

_ABOUT_SLIMRMM: Final = ("GW313", "GW5")
_NO_TIMES: Final[Mapping[str, datetime]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration, complete only when no problem is an error, and the problems in order."""

    configuration: Configuration
    problems: tuple[Problem, ...]


def load(
    files: Iterable[SourceFile],
    *,
    as_of: datetime,
    builtin_checks: Iterable[Check] = (),
    first_applied: Mapping[str, datetime] | None = None,
) -> Loaded:
    """Read files and judge them together. Never raises.

    Args:
        files: All files of a revision; those that are no documents are ignored.
        as_of: Now, aware; decides what has ended.
        builtin_checks: The shipped checks; they count only if the settings say so.
        first_applied: When each exception's id first came into force; without it the span of an
            exception without ``starts_at`` counts from ``as_of``.
    """
    return assemble(
        map(read_file, files),
        as_of=as_of,
        builtin_checks=builtin_checks,
        first_applied=first_applied,
    )


def assemble(
    contents: Iterable[FileContent],
    *,
    as_of: datetime,
    builtin_checks: Iterable[Check] = (),
    first_applied: Mapping[str, datetime] | None = None,
) -> Loaded:
    """Judge the contents of all files together; the arguments are those of ``load``."""
    return assemble_whole(contents, as_of, builtin_checks, first_applied or _NO_TIMES).loaded


@dataclass(frozen=True, slots=True)
class Whole:
    """A revision judged, with what is needed to judge the next one by what it changes."""

    loaded: Loaded
    selected: Selected
    policies: list[Found[Policy]]
    checks: list[Found[Check]]
    waivers: list[Found[Waiver]]


def assemble_whole(
    contents: Iterable[FileContent],
    as_of: datetime,
    builtin_checks: Iterable[Check],
    first_applied: Mapping[str, datetime],
) -> Whole:
    """Judge everything."""
    ordered = sorted(contents, key=lambda content: content.path)
    problems: list[Problem] = [p for content in ordered for p in content.problems]
    problems += _alike_paths(ordered)
    policies = [found for content in ordered for found in content.policies]
    checks = [found for content in ordered for found in content.checks]
    exceptions = [found for content in ordered for found in content.waivers]
    problems += uniqueness.problems(policies, checks, exceptions, ordered)
    settings = next((c.settings for c in ordered if c.settings is not None), None)
    settings = settings or RepositorySettings()
    configuration = Configuration(_by_id(policies), _by_id(checks), _by_id(exceptions), settings)
    base = _documents(configuration.checks)
    if settings.builtin_checks:
        base = {check.id: check for check in builtin_checks} | base
    selected = Selected(_documents(configuration.policies), base)
    problems += _references(policies, exceptions, selected, ordered)
    for found in exceptions:
        problems += reviews(found, settings, as_of, first_applied)
    problems += twins(exceptions, as_of)
    loaded = Loaded(configuration, worth_telling(problems, settings))
    return Whole(loaded, selected, policies, checks, exceptions)


def worth_telling(problems: Iterable[Problem], settings: RepositorySettings) -> tuple[Problem, ...]:
    """Every problem once, in order, without warnings about agents that do not report here."""
    return tuple(
        sorted(
            each
            for each in set(problems)
            if settings.slimrmm_agents or not each.code.startswith(_ABOUT_SLIMRMM)
        )
    )


def _by_id(found: Iterable[Found[D_co]]) -> dict[str, Declared[D_co]]:
    """The declarations by id; of a duplicate the first stands, and the problem is told apart."""
    declared: dict[str, Declared[D_co]] = {}
    for entry in found:
        declared.setdefault(entry.declared.document.id, entry.declared)
    return declared


def _documents(declared: Mapping[str, Declared[D_co]]) -> dict[str, D_co]:
    return {name: entry.document for name, entry in declared.items()}


def _references(
    policies: Iterable[Found[Policy]],
    exceptions: Iterable[Found[Waiver]],
    selected: Selected,
    contents: Iterable[FileContent],
) -> Iterator[Problem]:
    claims = [claim for content in contents for claim in content.claims]
    checks = {claim.id for claim in claims if claim.kind == "check"}
    broken_policies = {claim.id for claim in claims if claim.kind == "policy"}
    for policy in policies:
        yield from policy_problems(policy, selected, checks)
    for waiver in exceptions:
        yield from waiver_problems(waiver, selected, checks, broken_policies)


def policy_problems(
    policy: Found[Policy], selected: Selected, doubtful: Collection[str] = ()
) -> Iterator[Problem]:
    """What is wrong with a policy's references; the arguments are those of the rules."""
    return map(policy.locate, policy_references.findings(policy.document, selected, doubtful))


def waiver_problems(
    waiver: Found[Waiver],
    selected: Selected,
    doubtful_checks: Collection[str] = (),
    doubtful_policies: Collection[str] = (),
) -> Iterator[Problem]:
    """What is wrong with an exception's references; the arguments are those of the rules."""
    found = waiver_references.findings(
        waiver.document, selected, doubtful_checks, doubtful_policies
    )
    return map(waiver.locate, found)


def reviews(
    waiver: Found[Waiver],
    settings: RepositorySettings,
    as_of: datetime,
    first_applied: Mapping[str, datetime],
) -> Iterator[Problem]:
    """What settings and clock say of an exception."""
    findings = waivers.review_findings(
        waiver.document,
        settings.exceptions,
        as_of=as_of,
        first_applied=first_applied.get(waiver.document.id),
    )
    return map(waiver.locate, findings)


def twins(exceptions: Iterable[Found[Waiver]], as_of: datetime) -> Iterator[Problem]:
    """Exceptions that contain another one."""
    by_id: dict[str, Found[Waiver]] = {}
    for found in exceptions:
        by_id.setdefault(found.document.id, found)
    distinct = [found.document for found in by_id.values()]
    for waiver_id, finding in waiver_references.twins(distinct, as_of):
        yield by_id[waiver_id].locate(finding)


def _alike_paths(contents: Sequence[FileContent]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for content in contents:
        folded = uniqueness.fold(content.path)
        other = seen.setdefault(folded, content.path)
        if other is not content.path:
            message = f"is the same file as {other!r} on some systems; rename one"
            yield problem("GW121", content.path, 0, 0, "", message)
