"""Plans from git, put in force in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from controller.errors import ConflictError
from controller.model.configuration import Place
from controller.model.documents import Policy, RepositorySettings
from controller.model.managed import GitOrigin
from controller.model.plan import Operation, Plan
from controller.model.source import Commit, RevisionRecord
from controller.model.terms import KINDS, Kind
from controller.scoring.carry import Carry
from controller.store.audit import Entry
from controller.store.columns import instant
from controller.store.definitions import Definitions
from controller.store.differences import kept
from controller.store.driver import Value
from controller.store.object_rows import SAVE_OBJECT, ObjectRows, position_of
from controller.store.port.configuration import InForce
from controller.store.port.fleet import Cause

_MANY: Final = 200
"""From so many objects on, all rows are read rather than one after the other."""


class PlanWriting(ObjectRows):
    """Writes of what git declares."""

    def apply_plan(
        self,
        source: str,
        plan: Plan,
        settings: RepositorySettings,
        record: RevisionRecord,
        provenance: Mapping[str, Commit],
        as_of: datetime,
        links: Mapping[tuple[Kind, str], str] | None = None,
        places: Mapping[tuple[Kind, str], Place] | None = None,
    ) -> int:
        self.pass_instant(as_of)
        before, in_force = self.judged_moment(), self.in_force()
        own = self.settings_of(source)
        manager = f"git:{source}"
        self._check_still_true(plan, manager)
        carry = self._write_objects(source, plan, record, provenance, links or {}, as_of)
        self._make_room_for_names(plan, as_of)
        if places:
            written = {(each.kind, each.id) for each in plan.operations}
            moved = {key: place for key, place in places.items() if key not in written}
            self._update_places(manager, moved, links or {}, provenance)
        self._save_settings(source, settings)
        judged = self.judged()
        self.save_judged(replace(judged, revision=record.revision))
        settings_changed = settings != own
        if plan or settings_changed:
            touched = [op.document for op in plan.operations if op.document is not None]
            buried = [
                in_force.of_kind(op.kind)[op.id].document
                for op in plan.operations
                if op.op != "add" and op.id in in_force.of_kind(op.kind)
            ]
            numbers = None if settings_changed else self.concerned([*touched, *buried])
            cause = Cause("commit", record.revision, record.subject[:200])
            self.configuration_changed(before, cause, as_of, numbers, carry)
            _check_arrived(plan, manager, self.in_force())
        else:
            # Places and the revision in force have moved; nothing is judged again.
            self.bump("generation")
            if judged.cursor is None:
                self.save_judged(replace(self.judged(), visible_revision=record.revision))
        epoch = self.judged().epoch
        self.record_revision(replace(record, epoch=epoch))
        self.add_audits(_entries(plan, manager, record, provenance), as_of)
        if settings_changed:
            detail = {"before": own.model_dump(mode="json"), **next(kept([plan.settings]))}
            about = f"source/{source}"
            self.add_audit(
                manager, "settings", about, as_of, revision=record.revision, detail=detail
            )
        return epoch

    def _write_objects(
        self,
        source: str,
        plan: Plan,
        record: RevisionRecord,
        provenance: Mapping[str, Commit],
        links: Mapping[tuple[Kind, str], str],
        as_of: datetime,
    ) -> list[Carry]:
        """Write what the plan changes; definitions that may be judged again from evidence."""
        definitions = Definitions(self.db, all_at_once=len(plan.operations) > _MANY)
        manager, carry, now = f"git:{source}", list[Carry](), instant(as_of)
        in_force = self.in_force()
        rows: list[Sequence[Value]] = []
        for each in plan.operations:
            if each.document is None:
                self.bury(each.kind, each.id, as_of)
                continue
            if each.op == "adopt":
                self._keep_adopted(each, record.revision, as_of)
            commit = provenance.get(each.place.path)
            by, link = commit.sha if commit else record.sha, links.get((each.kind, each.id))
            origin = GitOrigin(source, each.place.path, each.place.line, by, link)
            position, carried = position_of(each.document, definitions, in_force)
            carry += carried
            rows.append(self.row_for(each.document, manager, origin, position, now))
        definitions.write()
        self.db.many(SAVE_OBJECT, rows)
        return carry

    def _check_still_true(self, plan: Plan, manager: str) -> None:
        managers = self._managers(plan)
        for operation in plan.operations:
            stored = managers.get((operation.kind, operation.id))
            match operation.op:
                case "add":
                    fits = stored is None
                case "adopt":
                    fits = stored is not None and self._may_be_taken_over(stored)
                case _:
                    fits = stored == manager
            if not fits:
                raise ConflictError(
                    f"{operation.kind} {operation.id!r} changed while the plan was made; it is "
                    "planned again"
                )

    def _managers(self, plan: Plan) -> dict[tuple[Kind, str], str]:
        """Who manages the objects of a plan now; what is not there, or was deleted, is left out."""
        query = "SELECT kind, id, manager FROM object WHERE deleted_at IS NULL"
        if len(plan.operations) > _MANY:
            rows = self.db.all(query)
        else:
            keys = [(operation.kind, operation.id) for operation in plan.operations]
            rows = [
                row for k in keys if (row := self.db.one(f"{query} AND kind = ? AND id = ?", k))
            ]
        return {(kind, id_): manager for kind, id_, manager in rows}

    def _may_be_taken_over(self, manager: str) -> bool:
        """What git does not manage, or did by a source that the operator has removed."""
        kind, _, name = manager.partition(":")
        if kind != "git":
            return True
        source = self.source(name)
        return source is not None and source.removed

    def _keep_adopted(self, operation: Operation, revision: str, as_of: datetime) -> None:
        row = self.db.one(
            "SELECT manager, document FROM object WHERE kind = ? AND id = ?",
            (operation.kind, operation.id),
        )
        if row:
            self.add_audit(
                row[0],
                "superseded",
                f"{operation.kind}/{operation.id}",
                as_of,
                revision=revision,
                detail={"document": row[1]},
            )

    def _make_room_for_names(self, plan: Plan, as_of: datetime) -> None:
        """Rename an API-made policy whose name git declares now: nobody can squat on a name."""
        wanted = {
            op.document.name: op.id
            for op in plan.operations
            if op.kind == "policy"
            and isinstance(op.document, Policy)
            and (op.op in {"add", "adopt"} or any(change.field == "name" for change in op.fields))
        }
        if not wanted:
            return  # nobody could take the name of what git declares already
        for id_, managed in self.in_force().policies.items():
            document = managed.document
            if wanted.get(document.name, id_) != id_ and managed.managed_by == "api":
                renamed = document.model_copy(update={"name": f"{document.name[:193]} (API)"})
                self.store_object(renamed, managed.manager, None, as_of)
                detail = {"before": document.name, "after": renamed.name}
                self.add_audit("gitward", "rename", f"policy/{id_}", as_of, detail=detail)

    def _update_places(
        self,
        manager: str,
        places: Mapping[tuple[Kind, str], Place],
        links: Mapping[tuple[Kind, str], str],
        provenance: Mapping[str, Commit],
    ) -> None:
        """Follow documents that moved within or between files without changing."""
        query = (
            "SELECT kind, id, path, line, url, commit_sha FROM object"
            " WHERE manager = ? AND deleted_at IS NULL"
        )
        if len(places) > _MANY:
            rows = self.db.all(query, (manager,))
        else:
            several = (
                self.db.one(f"{query} AND kind = ? AND id = ?", (manager, *k)) for k in places
            )
            rows = [row for row in several if row is not None]
        for kind, id_, path, line, url, sha in rows:
            place = places.get((kind, id_))
            if place is None:
                continue
            link = links.get((kind, id_), url)
            commit = provenance.get(place.path)
            by = commit.sha if commit else sha
            if (place.path, place.line, link, by) != (path, line, url, sha):
                self.db.run(
                    "UPDATE object SET path = ?, line = ?, url = ?,"
                    " commit_sha = ?, version = version + 1 WHERE kind = ? AND id = ?",
                    (place.path, place.line, link, by, kind, id_),
                )
                self._stored[kind, id_] = None

    def _save_settings(self, source: str, settings: RepositorySettings) -> None:
        self.db.run(
            "INSERT INTO source (name, status, settings) VALUES (?, '{}', ?)"
            " ON CONFLICT (name) DO UPDATE SET settings = excluded.settings",
            (source, settings.model_dump_json()),
        )


def _check_arrived(plan: Plan, manager: str, in_force: InForce) -> None:
    """Refuse a transaction in which an operation was lost.

    Args:
        plan: What was written.
        manager: Of what it declares.
        in_force: As derived from the rows that are there since.
    """
    tables = {kind: in_force.of_kind(kind) for kind in KINDS}
    for operation in plan.operations:
        found = tables[operation.kind].get(operation.id)
        wanted = None if operation.document is None else manager
        if (found and found.manager) != wanted:
            raise ConflictError(
                f"{operation.op} of {operation.kind} {operation.id!r} did not arrive in the store"
            )


def _entries(
    plan: Plan, manager: str, record: RevisionRecord, provenance: Mapping[str, Commit]
) -> Iterator[Entry]:
    """What the trail says of each operation."""
    told: dict[str | None, dict[str, object]] = {None: _told(None, record)}
    # Of what is added or deleted the file itself says what it is.
    fields = kept(each.differences for each in plan.operations)
    for each, differences in zip(plan.operations, fields, strict=True):
        commit = provenance.get(each.place.path)
        sha = commit.sha if commit else None
        if sha not in told:
            told[sha] = _told(commit, record)
        detail = {"path": each.place.path, "line": each.place.line, **told[sha], **differences}
        if each.previous_path:
            detail["from_path"] = each.previous_path
        yield Entry(manager, each.op, f"{each.kind}/{each.id}", record.revision, detail)


def _told(commit: Commit | None, record: RevisionRecord) -> dict[str, object]:
    """Who last changed a file; of a revision whose history is too long, its own author."""
    if commit is None:
        return {"commit": record.sha, "author": record.author, "subject": record.subject[:200]}
    return {
        "commit": commit.sha,
        "author": commit.author,
        "email": commit.email,
        "subject": commit.subject[:200],
        "committed_at": commit.committed_at.isoformat(),
    }
