"""What one file declares, and where. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple

from controller.config.files import SourceFile
from controller.config.finding import Finding, located
from controller.config.nodes import Node, Path
from controller.model.configuration import D_co, Declared
from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.problem import Problem
from controller.model.terms import Kind


class Found(NamedTuple, Generic[D_co]):
    """A valid document with the file that it came from, so that later findings get a place."""

    declared: Declared[D_co]
    file: SourceFile
    nth: int
    """Which of the file's documents that say anything it is, or is in."""
    prefix: Path = ()
    """Where in that document it stands, for checks of a catalog."""

    @property
    def document(self) -> D_co:
        return self.declared.document

    def locate(self, finding: Finding) -> Problem:
        """The finding at its place in this document's file."""
        node = _told(self.file)[self.nth]
        for step in self.prefix:
            node = node.child(step) or node
        return located(finding, self.file.path, node, self.prefix)


@lru_cache(maxsize=8)
def _told(file: SourceFile) -> tuple[Node, ...]:
    """The documents of a file with the place of everything in them."""
    from controller.config import parse

    reading = parse.read(file.path, file.content)
    return tuple(node for node in reading.documents if node.value is not None)


@dataclass(frozen=True, slots=True)
class Claim:
    """An id of a document that exists but is broken."""

    kind: Kind
    id: str
    line: int
    column: int


class FileContent(NamedTuple):
    """What one file declares, and what is wrong with it by itself."""

    path: str
    policies: tuple[Found[Policy], ...] = ()
    checks: tuple[Found[Check], ...] = ()
    waivers: tuple[Found[Waiver], ...] = ()
    settings: RepositorySettings | None = None
    claims: tuple[Claim, ...] = ()
    problems: tuple[Problem, ...] = ()
    documents: int = 0
    """How many YAML documents there are, settings left out, broken ones included."""
