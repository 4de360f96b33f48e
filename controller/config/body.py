"""HTTP bodies to documents, under the same rules as documents from git. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Literal, TypeVar, overload

from controller.config.codes import CODES
from controller.config.finding import Finding
from controller.config.nodes import dotted
from controller.config.rules import checks as check_rules
from controller.config.rules import policies as policy_rules
from controller.config.rules import policy_references, waiver_references
from controller.config.rules import waivers as waiver_rules
from controller.config.rules.selected import Selected
from controller.config.shape import build
from controller.errors import RejectedError
from controller.model.configuration import kind_of
from controller.model.documents import AnyDocument, Check, Policy, RepositorySettings, Waiver
from controller.model.terms import Kind

A = TypeVar("A", Policy, Check, Waiver)

_LONGEST_ID: Final = {"policy": 63, "check": 100, "exception": 63}
_INCOMPLETE: Final = frozenset({"GW306", "GW310", "GW311"})
_ENDED: Final = frozenset({"GW404", "GW405"})
_DASHES: Final = re.compile(r"[^a-z0-9]+")


@overload
def document_from_body(
    kind: Literal["policy"], body: Mapping[str, object], *, base: AnyDocument | None = None
) -> Policy: ...
@overload
def document_from_body(
    kind: Literal["check"], body: Mapping[str, object], *, base: AnyDocument | None = None
) -> Check: ...
@overload
def document_from_body(
    kind: Literal["exception"], body: Mapping[str, object], *, base: AnyDocument | None = None
) -> Waiver: ...
@overload
def document_from_body(
    kind: Kind, body: Mapping[str, object], *, base: AnyDocument | None = None
) -> AnyDocument: ...
def document_from_body(
    kind: Kind, body: Mapping[str, object], *, base: AnyDocument | None = None
) -> AnyDocument:
    """The document that a request's body means.

    Args:
        kind: What the address says it is.
        body: The JSON object. With a base a part is enough: fields that are missing keep the
            base's value, null restores the default, lists and maps replace.
        base: The stored document for a PUT, none for a POST. Without a base and an id the id is
            made from the name (policy), the title (check), or the checks (exception).

    Raises:
        RejectedError: With every field and message.
    """
    match kind:
        case "policy":
            return _document(Policy, "policy", body, base, policy_rules.findings)
        case "check":
            return _document(Check, "check", body, base, check_rules.findings)
        case "exception":
            return _document(Waiver, "exception", body, base, waiver_rules.findings)


def check_api_document(
    document: AnyDocument,
    *,
    policies: Mapping[str, Policy],
    checks: Mapping[str, Check],
    settings: RepositorySettings,
    as_of: datetime,
    created_at: datetime | None = None,
) -> None:
    """Apply the rules that look beyond one document to one made through the API.

    Objects come one by one here, so a policy may still select nothing and an exception may name a
    check that no policy runs yet. That an exception has ended is no fault either, unless it is new.

    Args:
        document: The document as it would be stored.
        policies: Every policy in force, whoever manages it.
        checks: Every check in force.
        settings: The repository's settings; its limits bind exceptions from the API too.
        as_of: Now, aware.
        created_at: When the exception was first made, none for a new one.

    Raises:
        RejectedError: With every field and message.
    """
    findings: Iterable[Finding]
    match document:
        case Policy():
            selected = Selected({**policies, document.id: document}, checks)
            findings = _but(_INCOMPLETE, policy_references.findings(document, selected, ()))
        case Waiver():
            selected = Selected(policies, checks)
            review = waiver_rules.review_findings(
                document, settings.exceptions, as_of=as_of, first_applied=created_at
            )
            known = waiver_references.findings(document, selected, (), ())
            ended = frozenset[str]() if created_at is None else _ENDED
            findings = [*_but(_INCOMPLETE, known), *_but(ended, review)]
        case Check():
            findings = ()
    _refuse(kind_of(document), findings, ended_is_wrong=created_at is None)


def _but(codes: frozenset[str], findings: Iterable[Finding]) -> Iterator[Finding]:
    return (finding for finding in findings if finding.code not in codes)


def _document(
    model: type[A],
    kind: Kind,
    body: Mapping[str, object],
    base: AnyDocument | None,
    rules: Callable[[A], Iterator[Finding]],
) -> A:
    raw = merged(body, base)
    if base is None and raw.get("id") is None:
        raw["id"] = _made_id(kind, raw)
    document, findings = build(model, raw)
    if document is not None:
        findings = list(rules(document))
    _refuse(kind, findings)
    if document is None:  # pragma: no cover - a model without findings is a document
        raise RejectedError(f"this is no {kind}")
    return document


def merged(body: Mapping[str, object], base: AnyDocument | None) -> dict[str, object]:
    """The body over the base's own fields; null takes a field out, so that its default holds."""
    raw: dict[str, object] = {}
    if base is not None:
        raw = base.model_dump(mode="json", exclude_unset=True)
        raw["id"] = base.id
    return {field: value for field, value in (raw | dict(body)).items() if value is not None}


def _made_id(kind: Kind, raw: Mapping[str, object]) -> str:
    match kind:
        case "policy":
            words: object = raw.get("name")
        case "check":
            words = raw.get("title")
        case _:
            listed = raw.get("check_ids")
            first = listed[0] if isinstance(listed, list) and listed else None
            where = next((raw[f] for f in ("agent_uuid", "tag", "policy_id") if raw.get(f)), "")
            words = f"{raw.get('check_id') or first or ''} {where}"
    text = unicodedata.normalize("NFKD", str(words or "")).encode("ascii", "ignore").decode()
    made = _DASHES.sub("-", text.lower()).strip("-")[: _LONGEST_ID[kind]].rstrip("-")
    return made or kind


def _refuse(kind: Kind, findings: Iterable[Finding], *, ended_is_wrong: bool = False) -> None:
    problems = tuple(
        (dotted(finding.field), finding.message)
        for finding in findings
        if CODES[finding.code].level == "error" or (ended_is_wrong and finding.code == "GW404")
    )
    if problems:
        field, message = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise RejectedError(f"{kind} not accepted: {field}: {message}{more}", problems)
