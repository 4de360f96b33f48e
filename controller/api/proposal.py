"""What a refused write should look like in git: a patch beside the 409."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from controller.api.access import Call
from controller.api.refusals import note_refusal
from controller.config.patch import patch, removal
from controller.errors import GitManagedError, GitOnlyError
from controller.model.documents import AnyDocument, Waiver
from controller.model.terms import Kind


@dataclass(slots=True)
class Proposal:
    """What the caller wants; filled in as it becomes known."""

    document: AnyDocument | None = None
    removed: str | None = None
    """The id of an object to be deleted."""


@contextmanager
def offering_patch(
    call: Call, kind: Kind, document: AnyDocument | None = None, removed: str | None = None
) -> Iterator[Proposal]:
    """Give a refusal by git the diff that would make the change there, and note the refusal.

    Stands around the transaction, so that nothing is read from git while the store is locked.
    """
    proposal = Proposal(document, removed)
    try:
        yield proposal
    except GitManagedError as error:
        error.detail["patch"] = _diff(call, error, proposal)
        note_refusal(call, _about(kind, proposal), error)
        raise
    except GitOnlyError as error:
        note_refusal(call, _about(kind, proposal), error)
        raise


def _about(kind: Kind, wanted: Proposal) -> str:
    id_ = wanted.document.id if wanted.document else wanted.removed
    return f"{kind}/{id_ or '?'}"


def _diff(call: Call, error: GitManagedError, wanted: Proposal) -> str | None:
    """None where there is no exact one: the file is out of reach, or a name clashes."""
    document, place = wanted.document, error.detail.get("managed_by")
    if "policies" in error.detail and isinstance(document, Waiver):
        return _new_file(document)
    if not isinstance(place, Mapping):
        return None
    source, path = str(place["source"]), str(place["path"])
    text = call.services.read_file(source, path)
    if text is None:
        return None
    if wanted.removed is not None:
        return removal(text, path, wanted.removed)
    conflicts = error.detail.get("conflicts")
    changes = {
        str(each["field"]): _short(each["requested_value"])
        for each in (conflicts if isinstance(conflicts, list) else [])
    }
    if document is None or "id" in changes:
        return None
    return patch(text, path, document.id, changes)


def _short(value: object) -> object:
    """A whole number as people write it: 80, not 80.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _new_file(document: Waiver) -> str:
    """A file of its own, in values that JSON and YAML read alike."""
    fields = document.model_dump(mode="json", exclude_unset=True) | {"id": document.id}
    lines = [f"+{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    path = f"exceptions/{document.id}.yaml"
    head = ["--- /dev/null", f"+++ b/{path}", f"@@ -0,0 +1,{len(lines)} @@"]
    return "\n".join([*head, *lines, ""])
