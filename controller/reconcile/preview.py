"""A pull request against the live fleet: the plan that would apply, and what it would do.

Read-only. What arrives is data: it is parsed and judged like any revision, with the settings in force
for its guards, and nothing of it is kept or run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from controller.config.builtin import builtin_checks_if_wanted
from controller.config.limits import outside
from controller.config.load import FileContent, Loaded, SourceFile, assemble, is_document, read_file
from controller.errors import NotFoundError, OverloadedError, RejectedError, TryLaterError
from controller.model.operator import SourceLimit
from controller.model.plan import Plan
from controller.model.problem import Problem
from controller.model.terms import Kind
from controller.reconcile.contents import Contents
from controller.reconcile.effects import Judged
from controller.reconcile.gauges import Weakening
from controller.reconcile.guards import empty, prune_blocked
from controller.reconcile.impact import Impact, measure
from controller.reconcile.impact_body import impact_body, operation_fleet
from controller.reconcile.plan import foreign, owned, plan
from controller.reconcile.projection import Projection, in_force_now, project
from controller.reconcile.review import judge_all, plan_body
from controller.source.interface import Snapshot, Source
from controller.store.port.store import Reading, Store

MOVERS: Final = 100
MAX_FILES: Final = 20_000
"""As many as a source may have."""
MAX_BYTES: Final = 16 * 1024 * 1024
"""Of a request: all changed documents together."""
NO_LIMIT: Final = SourceLimit()
_REVISION: Final = re.compile(r"(?:[^\x00-\x1f]{1,255}@sha1:)?([0-9a-f]{40})")
_WORKTREE: Final = re.compile(r"worktree@[0-9a-f]{1,128}")
_PATIENCE_SECONDS: Final = 20.0
_MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to compare."""

    base: str | None = None
    """A commit that the controller has; none means what is in force."""
    head: str | None = None
    """A commit that the controller has; with ``files``, what they are laid over."""
    files: Mapping[str, str | None] = field(default_factory=dict)
    """Path below the root to the text it would have; none deletes it."""
    movers: int | None = MOVERS
    """How many machines to name; none names all that change."""
    source: str | None = None
    """Whose documents these are; none means the only source."""


class Previewer:
    """Plans against the objects in force of a source. Safe to use from several threads."""

    def __init__(
        self,
        source: Source,
        store: Store,
        *others: Source,
        limits: Mapping[str, SourceLimit] | None = None,
    ) -> None:
        """Keep what is needed.

        Args:
            source: Whose documents are planned.
            store: Knows what is in force.
            others: Further sources.
            limits: By source, what it may declare, where that is not everything.
        """
        self._sources = {each.name: each for each in (source, *others)}
        self._store = store
        self._limits = limits or {}
        self._contents = {name: Contents() for name in self._sources}
        self._turn = threading.Lock()

    def preview(self, request: PlanRequest, as_of: datetime) -> dict[str, Any]:
        """The answer of ``POST /gitops/plan``.

        Raises:
            RejectedError: A revision's or path's form, or documents with problems: each is named.
            NotFoundError: No such source, or nothing is in force yet.
            RevisionNotFoundError: The controller does not have that commit.
            TryLaterError: Scores are still being brought to the revision in force.
            OverloadedError: Other previews are under way.
        """
        _check(request)
        # Two at once would each take twice as long, and agents' reports must not wait for either.
        if not self._turn.acquire(timeout=_PATIENCE_SECONDS):
            raise OverloadedError("other previews are under way; ask again", retry_after=5)
        try:
            with self._store.read() as reading:
                return self._preview(reading, request, as_of)
        finally:
            self._turn.release()

    def _preview(self, reading: Reading, request: PlanRequest, as_of: datetime) -> dict[str, Any]:
        name = self._name(request.source)
        status = reading.source(name)
        applied = status.last_applied_revision if status else None
        if status is None or applied is None:
            raise NotFoundError("no revision is in force yet, so there is nothing to compare with")
        if reading.unfinished():
            raise TryLaterError(f"scores are still being brought to {applied}; ask again", 2)
        before, base, base_name = in_force_now(reading), reading.declared(name), applied
        if request.base is not None:
            snapshot, contents = self._files(name, request.base)
            base = self._judged(contents, reading, as_of).configuration
            first = plan(before.objects, base, source=name, as_of=as_of, settings=base.settings)
            before = project(reading, before, first, base.settings, source=name, as_of=as_of)
            base_name = snapshot.revision
        newest = status.observed_revision or applied
        over = request.head or request.base or (applied if request.files else newest)
        snapshot, contents = self._files(name, over)
        loaded = self._judged(laid_over(contents, request.files), reading, as_of)
        head = loaded.configuration
        removed = frozenset(each.name for each in reading.sources() if each.removed)
        counts = owned(before.objects, source=name)
        refuse_problems(
            [
                *loaded.problems,
                *outside(head, self._limits.get(name, NO_LIMIT), name),
                *foreign(before.objects, head, source=name, removed=removed),
            ]
        )
        if nothing := empty(head, counts):
            refuse_problems([nothing])
        settings = base.settings  # the source's own; the rulebook's are those of all sources
        made = plan(before.objects, head, source=name, as_of=as_of, settings=settings)
        after = project(reading, before, made, head.settings, source=name, as_of=as_of)
        effects = judge_all(made, base, head, before.objects)
        impact = _measured(reading, before, after, made, effects, as_of, request.movers)
        body = plan_body(
            made,
            base,
            head,
            base_revision=base_name,
            head_revision=snapshot.revision + (" + files" if request.files else ""),
            held="PruneBlocked" if prune_blocked(made, counts, settings.prune) else None,
            effects=effects,
            impact=impact_body(impact),
        )
        for operation, told in zip(made.operations, body["operations"], strict=True):
            told["fleet"] = operation_fleet(operation, impact)
            for each in told["weakens"]:
                key = Weakening(operation.kind, operation.id, each["by"])
                each["fleet"] = impact.weakenings.get(key)
        return body

    def _name(self, wanted: str | None) -> str:
        known = ", ".join(sorted(self._sources))
        if wanted is not None and wanted not in self._sources:
            raise NotFoundError(f"no source {wanted!r}; there are: {known}")
        if wanted is None and len(self._sources) > 1:
            message = f"there are several sources; name the one whose documents these are: {known}"
            raise RejectedError(message, (("source", message),))
        return wanted or known

    def _files(self, name: str, revision: str) -> tuple[Snapshot, list[FileContent]]:
        sha = revision.rpartition(":")[2] if "@sha1:" in revision else revision.rpartition("@")[2]
        source = self._sources[name]
        snapshot = source.snapshot(sha)
        return snapshot, self._contents[name].of(source, snapshot.files)

    def _judged(self, contents: list[FileContent], reading: Reading, as_of: datetime) -> Loaded:
        return assemble(
            contents,
            as_of=as_of,
            builtin_checks=builtin_checks_if_wanted(contents),
            first_applied=reading.first_applied(),
        )


def laid_over(contents: list[FileContent], files: Mapping[str, str | None]) -> list[FileContent]:
    """The files of a revision with some replaced, added or taken away."""
    kept = [each for each in contents if each.path not in files]
    new = [
        read_file(SourceFile(path, text.encode("utf-8", "surrogatepass")))
        for path, text in sorted(files.items())
        if text is not None
    ]
    return [*kept, *new]


def _check(request: PlanRequest) -> None:
    for field_, revision in (("base", request.base), ("head", request.head)):
        if revision and not _REVISION.fullmatch(revision) and not _WORKTREE.fullmatch(revision):
            message = "give a full commit (40 hex digits) or a revision as /gitops/status names it"
            raise RejectedError(f"{field_} {revision[:100]!r} is no revision", ((field_, message),))
    if len(request.files) > MAX_FILES:
        message = f"at most {MAX_FILES} files fit in one plan; merge in smaller steps"
        raise RejectedError(message, (("files", message),))
    check_paths(request.files)


def check_paths(files: Mapping[str, str | None]) -> None:
    """Refuse what is no document's path.

    Raises:
        RejectedError: One is not.
    """
    for path in files:
        if not path.isprintable() or ".." in path.split("/") or not is_document(path):
            message = "is no document's path: *.yaml below policies/, checks/ or exceptions/"
            raise RejectedError(f"{path[:200]!r} {message}", ((f"files.{path[:200]}", message),))


def refuse_problems(problems: list[Problem]) -> None:
    """What does not parse or does not hold together has no plan (an error stops the diff).

    Raises:
        RejectedError: There are errors; each is named.
    """
    errors = [each for each in problems if each.level == "error" and not each.clock]
    if errors:
        shown = tuple((f"{p.path}:{p.line}", str(p)) for p in errors[:_MOST_PROBLEMS])
        raise RejectedError(
            f"the head has {len(errors)} problem(s) and would not be applied", shown
        )


def _measured(
    reading: Reading,
    before: Projection,
    after: Projection,
    made: Plan,
    effects: Sequence[Judged],
    as_of: datetime,
    movers: int | None,
) -> Impact:
    def ids(kind: Kind, *ops: str) -> frozenset[str]:
        return frozenset(op.id for op in made.operations if op.kind == kind and op.op in ops)

    return measure(
        reading,
        before,
        after,
        as_of=as_of,
        movers=movers,
        changed_checks=ids("check", "change", "adopt", "delete"),
        reviewed=ids("exception", "add", "change", "adopt"),
        ended=ids("exception", "delete", "change", "adopt"),
        weakenings=[
            Weakening(operation.kind, operation.id, by)
            for operation, told in zip(made.operations, effects, strict=True)
            for by in told.weakens
        ],
    )
