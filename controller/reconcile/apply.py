"""The last step: put the plan in force, all of it or nothing, with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from sys import intern
from typing import Final

from controller.errors import ConflictError
from controller.failpoints import reached
from controller.model.configuration import Place
from controller.model.plan import Operation
from controller.model.source import Commit
from controller.model.terms import KINDS, Kind
from controller.reconcile.ending import SUSPENDED, Ending
from controller.reconcile.guards import declared_counts
from controller.reconcile.plan import shifted
from controller.reconcile.record import conclude, revision_record
from controller.reconcile.work import Pass
from controller.source.link import file_url
from controller.store.port.sources import Event
from controller.store.port.store import Writing

ADOPTED: Final = "Adopted"
"""The reason of an event: git took an object over."""


_manager_of = attrgetter("manager")


def apply(work: Pass) -> Ending:
    """Put the plan in force in one transaction.

    Raises:
        ConflictError: What the plan was made against is no longer in force; a new pass plans again.
    """
    if work.plan is None:
        raise ConflictError("there is no plan")
    touched = _touched(work)
    declared = [each for each in work.plan.operations if each.op != "delete"]
    moved = shifted(work.current, work.head, frozenset(touched), work.only)
    paths = {each.place.path for each in declared} | {place.path for place in moved.values()}
    provenance = _provenance(work, paths, touched)
    links = _links(work, declared, moved, provenance)
    ending = Ending("applied", "Applied", _summary(work), work.warnings)
    as_of = work.now()
    with work.store.write() as writing:
        status = writing.source(work.name)
        if status is not None and status.suspended:
            return SUSPENDED
        record = revision_record(work, ending, as_of)
        writing.apply_plan(
            work.name, work.plan, work.head.settings, record, provenance, as_of, links, moved
        )
        generation = _read_back(writing, work)
        _tell_adoptions(writing, work, as_of)
        conclude(writing, work, ending, as_of)
        reached("inside_apply")
    work.memory.applied(generation, declared_counts(work.head))
    reached("after_apply")
    return ending


def _touched(work: Pass) -> dict[str, Commit]:
    """Declared paths that commits since the one in force changed, be it back and forth."""
    old = work.applied_commit
    if old is None:
        return {}
    if not work.source.is_ancestor(old, work.sha):
        old = None  # a confirmed rewrite: the old history may not even be here
    tables = {kind: work.head.of_kind(kind) for kind in KINDS}
    if work.only is None:
        paths = {each.place.path for table in tables.values() for each in table.values()}
    else:
        there = (tables[kind].get(id_) for kind, id_ in work.only)
        paths = {each.place.path for each in there if each is not None}
    return work.source.last_change(work.sha, list(paths), since=old)


def _provenance(work: Pass, paths: set[str], touched: dict[str, Commit]) -> dict[str, Commit]:
    """The commit that last changed each path; the revision's own where history is too long."""
    paths = paths - touched.keys()
    found = work.source.last_change(work.sha, list(paths)) if paths else {}
    return touched | {path: found.get(path, work.snapshot.commit) for path in paths}


def _links(
    work: Pass,
    declared: Sequence[Operation],
    moved: dict[tuple[Kind, str], Place],
    provenance: Mapping[str, Commit],
) -> dict[tuple[Kind, str], str]:
    if file_url(work.source.url, work.sha, "", 1) is None:
        return {}  # nobody's pages, or a host whose pages are not known
    root = f"{work.source.path}/" if work.source.path else ""
    places = {(each.kind, each.id): each.place for each in declared} | moved
    links = {}
    for key, place in places.items():
        sha = provenance[place.path].sha
        if url := file_url(work.source.url, sha, root + place.path, place.line):
            links[key] = url
    return links


def _tell_adoptions(writing: Writing, work: Pass, as_of: datetime) -> None:
    for each in work.plan.operations if work.plan else ():
        if each.op == "adopt":
            was = work.current[each.kind, each.id].manager
            changed = ", ".join(change.field for change in each.fields) or "nothing"
            message = f"git took it over from {was}; changed: {changed}"
            about, revision = f"{each.kind}/{each.id}", work.snapshot.revision
            event = Event(as_of, about, ADOPTED, revision, message)
            if writing.add_event(event):
                writing.tell(event, work.name)


def _read_back(writing: Writing, work: Pass) -> int:
    """Refuse a transaction after which the store does not hold what the revision declares.

    Returns the generation that the store will have.
    """
    in_force = writing.in_force()
    manager = intern(f"git:{work.name}")
    counts = {
        kind: list(map(_manager_of, in_force.of_kind(kind).values())).count(manager)
        for kind in KINDS
    }
    if counts != declared_counts(work.head):
        raise ConflictError(
            f"after applying, the store holds {counts} and the revision declares "
            f"{declared_counts(work.head)}; nothing was changed"
        )
    return in_force.generation


def _summary(work: Pass) -> str:
    counts = work.plan.counts() if work.plan else {}
    told = ", ".join(f"{number} {op}" for op, number in counts.items() if number)
    return f"{work.snapshot.revision} is in force: {told or 'no changes'}"
