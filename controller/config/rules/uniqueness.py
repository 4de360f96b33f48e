"""Ids and names that must not occur twice. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from controller.config.contents import FileContent, Found
from controller.config.finding import Finding, problem
from controller.model.configuration import D_co, Place
from controller.model.documents import Check, Policy, Waiver
from controller.model.problem import Problem
from controller.model.terms import Kind


def problems(
    policies: Sequence[Found[Policy]],
    checks: Sequence[Found[Check]],
    waivers: Sequence[Found[Waiver]],
    contents: Iterable[FileContent],
) -> Iterator[Problem]:
    """Every repetition, at the later of the two places and naming the earlier one."""
    yield from _ids(policies)
    yield from _ids(checks)
    yield from _ids(waivers)
    yield from _names(policies)
    claims = [(content.path, claim) for content in contents for claim in content.claims]
    if not claims:
        return
    places: dict[tuple[Kind, str], Place] = {}
    places |= {("policy", found.document.id): found.declared.place for found in policies}
    places |= {("check", found.document.id): found.declared.place for found in checks}
    places |= {("exception", found.document.id): found.declared.place for found in waivers}
    for path, claim in claims:
        folded = fold(claim.id)
        other = places.get((claim.kind, folded))
        if other is not None and folded != claim.id and claim.line:
            message = (
                f"{claim.id!r} differs from {folded!r} in {other.path}:{other.line} only by "
                "letter case or Unicode form; rename one"
            )
            yield problem("GW302", path, claim.line, claim.column, "id", message)


def _ids(entries: Sequence[Found[D_co]]) -> Iterator[Problem]:
    if len({entry.declared.document.id for entry in entries}) == len(entries):
        return
    first: dict[str, Found[D_co]] = {}
    for entry in entries:
        other = first.setdefault(entry.document.id, entry)
        if other is not entry:
            place = other.declared.place
            message = (
                f"id {entry.document.id!r} is also declared in {place.path}:{place.line}; an id "
                "stands for one document, rename or remove one"
            )
            yield entry.locate(Finding("GW301", ("id",), message))


def _names(policies: Sequence[Found[Policy]]) -> Iterator[Problem]:
    first: dict[str, Found[Policy]] = {}
    for policy in policies:
        name = policy.document.name
        other = first.setdefault(fold(name), policy)
        if other is not policy and other.document.id != policy.document.id:
            place = other.declared.place
            message = f"the name {name!r} is also that of {place.path}:{place.line}; rename one"
            yield policy.locate(Finding("GW303", ("name",), message))


def fold(text: str) -> str:
    """The form in which two names are the same to a person."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()
