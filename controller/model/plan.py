"""What applying a configuration would do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from controller.model.configuration import Place
from controller.model.documents import AnyDocument
from controller.model.terms import Kind

Op = Literal["add", "change", "move", "adopt", "delete"]


class FieldChange(NamedTuple):
    """One field's value before and after, as JSON values."""

    field: str
    before: object
    after: object


class Operation(NamedTuple):
    """One object's change."""

    op: Op
    kind: Kind
    id: str
    place: Place
    """Where it will be declared; for a deletion, where it was."""
    document: AnyDocument | None
    """The new document; none for a deletion."""
    fields: tuple[FieldChange, ...] = ()
    previous_path: str | None = None
    """For a move, where it was."""
    protected: bool = False
    """For a deletion: the stored object says ``protect: true``."""
    expired: bool = False
    """For a deletion: an exception that has ended; it never counts against the prune guard."""
    hint: str = ""
    """A remark for the reviewer, such as a deletion that looks like a renamed file."""


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
        for operation in self.operations:
            counts[operation.op] += 1
        return counts

    def __bool__(self) -> bool:
        return bool(self.operations or self.settings)
