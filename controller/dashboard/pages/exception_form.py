"""Making an exception: the file for git, or the exception itself where git leaves that open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response

from controller.config.body import check_api_document, document_from_body
from controller.config.compose import document_text
from controller.config.patch import addition
from controller.dashboard.pages.effect import effect, names, previews
from controller.dashboard.session import require_role
from controller.dashboard.visit import Visit, see
from controller.errors import (
    ConflictError,
    ControllerError,
    ForbiddenError,
    GitOnlyError,
    RejectedError,
    SourceError,
    TryLaterError,
)
from controller.model.documents import Waiver
from controller.source.link import new_file_url

FIELDS: Final = (
    "id", "checks", "scope", "agent_uuid", "tag", "policy_id", "reason", "starts_at", "expires_at",
    "category", "owner", "ticket",
)  # fmt: skip
_SELECTORS: Final = {"agent": "agent_uuid", "tag": "tag", "policy": "policy_id"}
_DEFAULT_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Writing:
    """Whether this page can make the exception itself, and if not, why."""

    allowed: bool
    why_not: str
    proposes: bool = False
    """Whether it can push a branch with the file instead."""


def show(visit: Visit) -> Response:
    """GET /exceptions/new; the address may say the check, machine or policy it is about."""
    query = visit.query
    ends = visit.as_of + timedelta(days=min(_DEFAULT_DAYS, _longest(visit)))
    values = dict.fromkeys(FIELDS, "") | {
        "checks": query.get("check"),
        "agent_uuid": query.get("machine"),
        "policy_id": query.get("policy"),
        "scope": "agent" if query.get("machine") else "policy" if query.get("policy") else "global",
        "expires_at": f"{ends:%Y-%m-%d}",
        "category": "waiver",
    }
    return _form(visit, values)


def take(visit: Visit) -> Response:
    """POST /exceptions/new."""
    values = {name: visit.form.get(name, "") for name in FIELDS}
    if visit.form.get("action") == "back":
        return _form(visit, values)
    try:
        document = document_from_body("exception", _body(values))
        _check(visit, document)
        if visit.form.get("action") == "create":
            return _create(visit, document)
        path = f"exceptions/{document.id}.yaml"
        text = document_text(document, path)
        if visit.form.get("action") == "effect":
            found = effect(visit, files={path: text})
            return visit.page(
                "exception_effect.html",
                effect=found, values=values, document=document, names=names(visit),
            )  # fmt: skip
        if visit.form.get("action") == "propose":
            return _propose(visit, document, path, text)
    except (RejectedError, ConflictError, SourceError, TryLaterError) as error:
        return _form(visit, values, error=error, status=visit.services.status_of(type(error)))
    return visit.page(
        "exception_file.html",
        values=values,
        text=text,
        path=path,
        document=document,
        writing=_writing(visit),
        previews=previews(visit),
        host_link=_new_file_link(visit, path, text),
    )


def _body(values: Mapping[str, str]) -> dict[str, Any]:
    """The form's fields as the API names them; only the selector of the chosen scope is taken."""
    checks = values["checks"].replace(",", " ").split()
    body: dict[str, Any] = {"id": values["id"] or None, "scope": values["scope"]}
    body |= {"check_id": checks[0]} if len(checks) == 1 else {"check_ids": checks}
    if (selector := _SELECTORS.get(values["scope"])) is not None:
        body[selector] = values[selector] or None
    body["reason"] = " ".join(values["reason"].split())
    for name in ("starts_at", "expires_at", "owner", "ticket"):
        body[name] = values[name] or None
    if values["category"] != "waiver":
        body["category"] = values["category"]
    return body


def _check(visit: Visit, document: Waiver) -> None:
    in_force = visit.in_force
    if document.id in in_force.waivers:
        raise RejectedError(
            "the id is taken",
            (("id", f"there is an exception {document.id!r} already; choose another id"),),
        )
    if document.expires_at is not None and document.expires_at <= visit.as_of:
        past = f"expires_at {document.expires_at:%Y-%m-%d} is past; choose a day to come"
        raise RejectedError("it would have ended already", (("expires_at", past),))
    check_api_document(
        document,
        policies={id_: each.document for id_, each in in_force.policies.items()},
        checks={id_: each.document for id_, each in in_force.checks.items()},
        settings=in_force.settings,
        as_of=visit.as_of,
    )


def _create(visit: Visit, document: Waiver) -> Response:
    """Make it here; whether git lets that happen is decided in the store, in the transaction."""
    require_role(visit.principal, "manager")
    try:
        with visit.services.store.write() as writing:
            writing.put_object(
                "exception", document, actor=visit.principal.name, as_of=visit.as_of, create=True
            )
    except (ConflictError, GitOnlyError) as error:
        raise RejectedError(str(error), (("", str(error)),)) from error
    return see(f"/exceptions/{document.id}")


def _propose(visit: Visit, document: Waiver, path: str, text: str) -> Response:
    """Push a branch with the file and show where it is reviewed."""
    require_role(visit.principal, "manager")
    proposer = visit.services.proposals
    if proposer is None or not _writing(visit).proposes:
        raise ForbiddenError("no branch is pushed for exceptions here; commit the file instead")
    title = f"Add the exception {document.id}"
    made = proposer.propose(addition(path, text), title, visit.principal.name, visit.as_of)
    return visit.page("exception_proposed.html", made=made, document=document, text=text)


def _writing(visit: Visit) -> Writing:
    settings, proposer = visit.in_force.settings, visit.services.proposals
    proposes = proposer is not None and proposer.enabled and visit.may("manager")
    if settings.api_writes == "deny":
        why_not = "gitward.yaml says api_writes: deny, so every change is a commit."
        return Writing(False, why_not, proposes)
    git = any(each.managed_by == "git" for each in visit.in_force.policies.values())
    if git and settings.api_exceptions == "deny":
        return Writing(
            False,
            "Git declares the policies here and gitward.yaml does not say api_exceptions: allow, "
            "so an exception is a commit that somebody reviews.",
            proposes,
        )
    if not visit.may("manager"):
        return Writing(False, "Making it here needs the role manager; yours can write the file.")
    return Writing(True, "")


def _longest(visit: Visit) -> int:
    return visit.in_force.settings.exceptions.max_days


def _new_file_link(visit: Visit, path: str, text: str) -> str | None:
    """The page of the repository's host that adds the file and opens a review, where it has one."""
    sources = visit.reading.sources()
    if len(sources) != 1:
        return None
    (source,) = sources
    root = f"{source.path}/" if source.path else ""
    return new_file_url(source.url, source.ref, root + path, text)


def _form(
    visit: Visit,
    values: Mapping[str, str],
    *,
    error: ControllerError | None = None,
    status: int = 200,
) -> Response:
    in_force = visit.in_force
    machine = visit.reading.machine(values["agent_uuid"]) if values["agent_uuid"] else None
    problems: dict[str, str] = {}
    for field, message in error.problems if isinstance(error, RejectedError) else ():
        name = field.partition("[")[0]
        name = {"check_id": "checks", "check_ids": "checks"}.get(name, name)
        problems.setdefault(name if name in FIELDS else "", message)
    return visit.page(
        "exception_new.html",
        code=status,
        values=values,
        problems=problems,
        error=str(error) if error and not problems else "",
        checks=sorted(in_force.checks.values(), key=lambda each: each.id),
        policies=sorted(in_force.policies.values(), key=lambda each: each.id),
        machine=machine,
        settings=in_force.settings.exceptions,
        writing=_writing(visit),
        previews=previews(visit),
    )
