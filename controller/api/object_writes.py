"""Create, change and delete objects that git does not declare.

Whether git declares them is decided in the store, in the transaction of the write; here a refusal only gains
the patch that would make the change in git.
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
from controller.config.body import document_from_body
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
from controller.model.terms import Kind
from controller.store.interface import Reading

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
    document = document_from_body(objects.kind, body, base=None)
    with offering_patch(call, document), call.store.write() as writing:
        writing.put_object(
            objects.kind, document, actor=call.actor, as_of=call.as_of, create=True
        )
        return document.id, _shown(call, objects, writing, document.id)


def change_object(
    call: Call, objects: Objects[V], id_: str, body: Mapping[str, Any], if_match: str | None
) -> V:
    """Replace the fields that the body names."""
    if "id" in body and body["id"] != id_:
        raise RequestError(400, "ID_MISMATCH", "the body's id is not the address's; leave it out")
    with call.store.write() as writing:
        base: AnyDocument = existing(
            writing.in_force().of_kind(objects.kind), objects.kind, id_
        ).document
        document = document_from_body(objects.kind, body, base=base)
        version = version_of(writing, objects.kind, id_)
        with offering_patch(call, document):
            writing.put_object(
                objects.kind, document, actor=call.actor, as_of=call.as_of, create=False
            )
        # After the write, which says 409 first; raising here rolls it back.
        require_version(if_match, version)
        return _shown(call, objects, writing, id_)


def delete_object(call: Call, objects: Objects[V], id_: str, if_match: str | None) -> None:
    """Delete an object."""
    with call.store.write() as writing:
        document: AnyDocument = existing(
            writing.in_force().of_kind(objects.kind), objects.kind, id_
        ).document
        version = version_of(writing, objects.kind, id_)
        with offering_patch(call, document, deleted=True):
            writing.delete_object(objects.kind, id_, actor=call.actor, as_of=call.as_of)
        require_version(if_match, version)


def version_of(reading: Reading, kind: Kind, id_: str) -> str:
    """An object's version, as entity tags have it."""
    return str(reading.in_force().versions.get((kind, id_), 0))


def _shown(call: Call, objects: Objects[V], reading: Reading, id_: str) -> V:
    call.name_state(reading, version_of(reading, objects.kind, id_))
    return objects.show(reading, id_, call.as_of)
