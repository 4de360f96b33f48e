"""What applying a configuration would do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from msgspec import Struct

from controller.model.configuration import Place
from controller.model.documents import AnyDocument, Document
from controller.model.terms import Kind

Op = Literal["add", "change", "move", "adopt", "delete"]


_op_of: Callable[[Operation], Op] = attrgetter("op")


class FieldChange(Struct, frozen=True, array_like=True):
    """One field's value before and after, as JSON values."""

    field: str
    before: object
    after: object


class Operation(Struct, frozen=True):
    """One object's change."""

    op: Op
    kind: Kind
    id: str
    place: Place
    """Where it will be declared; for a deletion, where it was."""
    document: AnyDocument | None
    """The new document; none for a deletion."""
    differences: tuple[FieldChange, ...] = ()
    """From the object that is there; of an addition ``fields`` tells what its document gives."""
    previous_path: str | None = None
    """For a move, where it was."""
    protected: bool = False
    """For a deletion: the stored object says ``protect: true``."""
    expired: bool = False
    """For a deletion: an exception that has ended; it never counts against the prune guard."""
    hint: str = ""
    """A remark for the reviewer, such as a deletion that looks like a renamed file."""

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """What a reviewer is told: every field that differs, or that a new document gives.

        The latter is worked out when asked for: a first pass adds thousands and shows none of them.
        """
        if self.op != "add" or self.document is None:
            return self.differences
        given = json_values(self.document, exclude_defaults=True)
        del given["id"]
        return tuple(FieldChange(key, None, given[key]) for key in sorted(given))


def json_values(document: Document, *, exclude_defaults: bool = False) -> dict[str, Any]:
    """A document's fields as JSON values; a threshold of 80.0 is 80, as people write it."""
    values = document.model_dump(mode="json", exclude_defaults=exclude_defaults)
    for key, value in values.items():
        if value.__class__ is float and value.is_integer():
            values[key] = int(value)
    return values


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one revision, in a fixed order, with the digest that a person confirms."""

    operations: tuple[Operation, ...]
    digest: str
    """Hex SHA-256 over the operations and settings: equal changes have equal digests at any time."""
    settings: tuple[FieldChange, ...] = ()
    """What changes in ``gitward.yaml``."""

    def counts(self) -> dict[Op, int]:
        """How many of each kind of operation there are; all five keys present."""
        counts: dict[Op, int] = {"add": 0, "change": 0, "move": 0, "adopt": 0, "delete": 0}
        counts.update(Counter(map(_op_of, self.operations)))
        return counts

    def __bool__(self) -> bool:
        return bool(self.operations or self.settings)
