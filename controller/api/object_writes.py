"""Create, change and delete objects that git does not declare.

Whether git declares them is decided in the store, in the transaction of the write; here a refusal
only gains the patch that would make the change in git.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from controller.api.access import Call
from controller.api.conditional import require_version
from controller.api.errors import RequestError
from controller.api.proposal import offering_patch
from controller.config.body import check_api_document, document_from_body
from controller.fleet.objects import (
    CheckView,
    ExceptionView,
    PolicyView,
    check_view,
    exception_view,
    existing,
    policy_view,
)
from controller.model.documents import AnyDocument
from controller.model.managed import Managed
from controller.model.terms import Kind
from controller.store.port.store import Reading, Writing

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Objects(Generic[V]):
    """One kind of object and how it is shown."""

    kind: Kind
    show: Callable[[Reading, str, datetime], V]


def _show_policy(reading: Reading, id_: str, as_of: datetime) -> PolicyView:
    return policy_view(reading, existing(reading.in_force().policies, "policy", id_), as_of)


def _show_check(reading: Reading, id_: str, as_of: datetime) -> CheckView:  # noqa: ARG001
    return check_view(existing(reading.in_force().checks, "check", id_))


def _show_exception(reading: Reading, id_: str, as_of: datetime) -> ExceptionView:
    return exception_view(reading, existing(reading.in_force().waivers, "exception", id_), as_of)


POLICIES = Objects("policy", _show_policy)
CHECKS = Objects("check", _show_check)
EXCEPTIONS = Objects("exception", _show_exception)


def read_object(call: Call, objects: Objects[V], id_: str) -> V:
    """One object in force."""
    with call.read() as reading:
        call.name_state(reading, version_of(reading, objects.kind, id_))
        return objects.show(reading, id_, call.as_of)


def create_object(call: Call, objects: Objects[V], body: Mapping[str, Any]) -> tuple[str, V]:
    """Make an object; its id and how it is shown."""
    document = document_from_body(objects.kind, body)
    with offering_patch(call, objects.kind, document), call.store.write() as writing:
        _put(call, writing, document, objects.kind)
        return document.id, _shown(call, objects, writing, document.id)


def change_object(
    call: Call, objects: Objects[V], id_: str, body: Mapping[str, Any], if_match: str | None
) -> V:
    """Replace the fields that the body names."""
    if "id" in body and body["id"] != id_:
        raise RequestError(400, "ID_MISMATCH", "the body's id is not the address's; leave it out")
    with offering_patch(call, objects.kind) as proposal, call.store.write() as writing:
        stored = _stored(writing, objects.kind, id_)
        document = document_from_body(objects.kind, body, base=stored.document)
        proposal.document = document
        version = version_of(writing, objects.kind, id_)
        _put(call, writing, document, objects.kind, stored)
        # After the write, which says 409 first; raising here rolls it back.
        require_version(if_match, version)
        return _shown(call, objects, writing, id_)


def delete_object(call: Call, objects: Objects[V], id_: str, if_match: str | None) -> None:
    """Delete an object."""
    with offering_patch(call, objects.kind, removed=id_), call.store.write() as writing:
        _stored(writing, objects.kind, id_)
        version = version_of(writing, objects.kind, id_)
        writing.delete_object(objects.kind, id_, actor=call.actor, as_of=call.as_of)
        require_version(if_match, version)


def _stored(reading: Reading, kind: Kind, id_: str) -> Managed[AnyDocument]:
    return existing(reading.in_force().of_kind(kind), kind, id_)


def _put(
    call: Call,
    writing: Writing,
    document: AnyDocument,
    kind: Kind,
    stored: Managed[AnyDocument] | None = None,
) -> None:
    """Write a document under the rules that git's documents obey; ownership is judged first."""
    in_force = writing.in_force()
    writing.put_object(kind, document, actor=call.actor, as_of=call.as_of, create=stored is None)
    if stored is not None and stored.managed_by == "git":
        return
    check_api_document(
        document,
        policies={id_: each.document for id_, each in in_force.policies.items()},
        checks={id_: each.document for id_, each in in_force.checks.items()},
        settings=in_force.settings,
        as_of=call.as_of,
        created_at=stored.created_at if stored else None,
    )


def version_of(reading: Reading, kind: Kind, id_: str) -> str:
    """An object's version, as entity tags have it."""
    return str(reading.in_force().versions.get((kind, id_), 0))


def _shown(call: Call, objects: Objects[V], reading: Reading, id_: str) -> V:
    call.name_state(reading, version_of(reading, objects.kind, id_))
    return objects.show(reading, id_, call.as_of)
