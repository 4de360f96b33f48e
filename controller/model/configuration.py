"""What a repository declares at one revision. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from controller.model.documents import AnyDocument, Check, Policy, RepositorySettings, Waiver
from controller.model.terms import Kind

D_co = TypeVar("D_co", bound=AnyDocument, covariant=True)


class Place(NamedTuple):
    """Where a document stands in its repository."""

    path: str
    line: int
    column: int = 1


class Declared(NamedTuple, Generic[D_co]):
    """A document with the place that declares it."""

    document: D_co
    place: Place

    @property
    def id(self) -> str:
        return self.document.id

    @property
    def kind(self) -> Kind:
        return kind_of(self.document)


def kind_of(document: AnyDocument) -> Kind:
    """The word for a document's kind in YAML, HTTP and on screen."""
    return _KINDS[document.__class__]


_KINDS: Final[Mapping[type[AnyDocument], Kind]] = {
    Policy: "policy",
    Check: "check",
    Waiver: "exception",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything a repository declares, already valid, by id."""

    policies: Mapping[str, Declared[Policy]] = field(default_factory=dict)
    checks: Mapping[str, Declared[Check]] = field(default_factory=dict)
    waivers: Mapping[str, Declared[Waiver]] = field(default_factory=dict)
    settings: RepositorySettings = field(default_factory=RepositorySettings)

    def of_kind(self, kind: Kind) -> Mapping[str, Declared[AnyDocument]]:
        """The declared documents of one kind."""
        tables: dict[Kind, Mapping[str, Declared[AnyDocument]]] = {
            "policy": self.policies,
            "check": self.checks,
            "exception": self.waivers,
        }
        return tables[kind]

    def __len__(self) -> int:
        return len(self.policies) + len(self.checks) + len(self.waivers)
