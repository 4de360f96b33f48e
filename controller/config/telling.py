"""The long way to a file's documents: with everything that is wrong with them, and where. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, TypeVar

from controller.config import parse
from controller.config.contents import Claim, FileContent, Found
from controller.config.files import FileKind, SourceFile
from controller.config.finding import Finding, located, problem
from controller.config.nodes import Node, Path
from controller.config.proof import STEM
from controller.config.rules import checks as check_rules
from controller.config.rules import policies as policy_rules
from controller.config.rules import waivers as waiver_rules
from controller.config.shape import MOST_FINDINGS, D, build
from controller.model.configuration import Declared, Place
from controller.model.documents import (
    AnyDocument,
    Catalog,
    Check,
    Policy,
    RepositorySettings,
    Waiver,
)
from controller.model.problem import Problem
from controller.model.terms import Kind

A = TypeVar("A", bound=AnyDocument)

_KINDS: Final[Mapping[FileKind, Kind]] = {
    "policy": "policy",
    "catalog": "check",
    "exception": "exception",
}
_ID_LINE: Final = re.compile(r"^[ \t]*(?:-[ \t]+)?id:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


def told(file: SourceFile, kind: FileKind) -> FileContent:
    """What a file declares and everything that is wrong with it, each with its place."""
    reading = parse.read(file.path, file.content)
    reader = _Reader(file, kind, list(reading.problems))
    documents = [node for node in reading.documents if node.value is not None]
    if not documents and not reading.problems and kind != "settings":
        reader.tell(*_nothing(reading.text))
    if kind != "settings":
        reader.documents = len(documents)
    for index, node in enumerate(documents):
        reader.take(node, index, alone=len(documents) == 1)
    if reading.problems and kind != "settings":
        reader.claim_from_text(reading.text)
    return reader.content()


def _nothing(text: str) -> tuple[str, str]:
    if text.strip() and not text.strip().startswith("---"):
        return "GW120", "the file holds only comments; delete it if it declares nothing on purpose"
    return "GW106", "the file is empty; delete it, or write the document"


@dataclass(slots=True)
class _Reader:
    """Collects what one file holds."""

    file: SourceFile
    kind: FileKind
    problems: list[Problem]
    policies: list[Found[Policy]] = field(default_factory=list)
    checks: list[Found[Check]] = field(default_factory=list)
    waivers: list[Found[Waiver]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    settings: RepositorySettings | None = None
    documents: int = 0
    index: int = 0
    """Which of the file's documents is being read."""
    refused: int = 0
    """How many findings about shape there are; all of them are errors."""

    @property
    def path(self) -> str:
        return self.file.path

    def content(self) -> FileContent:
        return FileContent(
            self.path,
            tuple(self.policies),
            tuple(self.checks),
            tuple(self.waivers),
            self.settings,
            tuple(self.claims),
            tuple(self.problems),
            self.documents,
        )

    def tell(self, code: str, message: str, line: int = 1, column: int = 1) -> None:
        self.problems.append(problem(code, self.path, line, column, "", message))

    def take(self, node: Node, index: int, *, alone: bool) -> None:
        """Take one document of the file."""
        self.index = index
        if not isinstance(node.value, dict):
            if not node.broken:
                message = "a document is a mapping of 'field: value' lines; write it so"
                self.tell("GW116", message, node.line, node.column)
            return
        match self.kind:
            case "policy":
                self._single(Policy, node, alone, policy_rules.findings, self.policies)
            case "exception":
                self._single(Waiver, node, alone, waiver_rules.findings, self.waivers)
            case "catalog":
                self._catalog(node, alone)
            case "settings":
                if alone:
                    self.settings = self._build(RepositorySettings, node, node.value)
                else:
                    message = "settings are one document; remove the others"
                    self.tell("GW116", message, node.line, node.column)

    def _single(
        self,
        model: type[A],
        node: Node,
        alone: bool,
        rules: Callable[[A], Iterator[Finding]],
        into: list[Found[A]],
    ) -> None:
        raw = self._with_default_id("id", node, alone)
        document = self._build(model, node, raw) if raw is not None else None
        if document is None:
            self._claim(_KINDS[self.kind], node, raw or node.value)
        else:
            self._keep(document, node, (), rules, into)

    def _keep(
        self,
        document: A,
        node: Node,
        prefix: Path,
        rules: Callable[[A], Iterator[Finding]],
        into: list[Found[A]],
    ) -> None:
        place = Place(self.path, node.line, node.column)
        into.append(Found(Declared(document, place), self.file, self.index, prefix))
        self.problems.extend(
            located(finding, self.path, node, prefix) for finding in rules(document)
        )

    def _catalog(self, node: Node, alone: bool) -> None:
        raw = self._with_default_id("catalog", node, alone)
        if raw is None:
            return
        entries = raw.get("checks")
        # The head is judged apart from the checks, so that one bad check does not hide the others.
        if isinstance(entries, list) and 0 < len(entries) <= 5_000:
            self._build(Catalog, node, raw | {"checks": [_ANY_CHECK]})
        else:
            self._build(Catalog, node, raw)
            return
        items = node.child("checks")
        for at in range(len(entries)):
            item = items.child(at) if items is not None else None
            if item is not None:
                self._check(item, ("checks", at))

    def _check(self, node: Node, prefix: Path) -> None:
        if not isinstance(node.value, dict):
            if not node.broken:
                finding = Finding("GW203", (), "expected a mapping of 'name: value' lines")
                self.problems.append(located(finding, self.path, node, prefix))
            return
        document = self._build(Check, node, node.value, prefix)
        if document is not None:
            self._keep(document, node, prefix, check_rules.findings, self.checks)
            return
        self._claim("check", node, node.value)
        # A misspelt severity should not hide a wrong column until the next run.
        for finding in _rest(node.value) if self.refused < MOST_FINDINGS else ():
            self.problems.append(located(finding, self.path, node, prefix))

    def _build(
        self, model: type[D], node: Node, raw: Mapping[str, object], prefix: Path = ()
    ) -> D | None:
        def spell(path: Path, value: object) -> str:
            found, taken = node.nearest(path)
            return found.raw if taken == len(path) and found.raw is not None else str(value)

        if self.refused >= MOST_FINDINGS:
            return None  # the file is refused already, at length
        document, findings = build(model, raw, spell)
        self.refused += len(findings)
        for finding in findings:
            if not _already_told(node, finding):
                self.problems.append(located(finding, self.path, node, prefix))
        return document

    def _with_default_id(self, name: str, node: Node, alone: bool) -> dict[str, object] | None:
        raw: dict[str, object] = node.value  # type: ignore[assignment] # looked at in take
        if name in raw:
            return raw
        stem = PurePosixPath(self.path).stem
        if not alone:
            message = f"the file has several documents, so each needs its own; add {name}: ..."
        elif not STEM.fullmatch(stem):
            message = f"the file's name {stem!r} makes no id; rename the file, or add {name}: ..."
        else:
            return {name: stem} | raw
        self.problems.append(located(Finding("GW208", (name,), message), self.path, node))
        named: dict[str, object] = {name: "unnamed"} | raw
        if self.kind == "policy":
            self._build(Policy, node, named)
        elif self.kind == "exception":
            self._build(Waiver, node, named)
        return None

    def _claim(self, kind: Kind, node: Node, raw: object) -> None:
        wanted = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(wanted, str):
            self.claims.append(Claim(kind, wanted, node.line, node.column))

    def claim_from_text(self, text: str) -> None:
        """Note every id that the text of an unreadable file seems to declare."""
        kind = _KINDS[self.kind]
        seen = {claim.id for claim in self.claims}
        seen.update(found.document.id for found in self.policies)
        seen.update(found.document.id for found in self.checks)
        seen.update(found.document.id for found in self.waivers)
        ids = [match.group(1) for match in _ID_LINE.finditer(text)]
        if kind != "check":
            ids.append(PurePosixPath(self.path).stem)
        self.claims += [Claim(kind, name, 0, 0) for name in dict.fromkeys(ids) if name not in seen]


def _rest(raw: Mapping[str, object]) -> Iterator[Finding]:
    """What is wrong with a broken check besides its shape: as if the broken fields were right."""
    broken = {finding.field[0] for finding in build(Check, raw)[1] if finding.field}
    if broken & _JUDGED_TOGETHER:
        return
    sound = {name: value for name, value in raw.items() if name not in broken}
    document, _ = build(Check, _ANY_FIELDS | sound)
    if document is not None:
        found = check_rules.findings(document)
        yield from (each for each in found if each.field[0] not in broken)


def _already_told(node: Node, finding: Finding) -> bool:
    """Whether the value, or something around it, was refused while reading."""
    for step in finding.field:
        if node.broken:
            return True
        child = node.child(step)
        if child is None:
            return False
        node = child
    return node.broken


_ANY_CHECK: Final = Check(
    id="any",
    title="any",
    category="any",
    severity="low",
    cis_level="level_1",
    platforms=("linux",),
    description="any",
    query="any",
)
_ANY_FIELDS: Final = _ANY_CHECK.model_dump(exclude_defaults=True)
_JUDGED_TOGETHER: Final = frozenset(
    {"query", "applies_when", "platforms", "check_type", "comparison_operator", "expected_result"}
)
"""With one of these broken, nothing can be said of the others."""
