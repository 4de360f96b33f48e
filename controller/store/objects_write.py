"""Changes of configuration: plans from git, and writes through the API that git allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.errors import ConflictError, GitManagedError, GitOnlyError, NotFoundError
from controller.model.configuration import Place, kind_of
from controller.model.documents import AnyDocument, Check, Policy, RepositorySettings, Waiver
from controller.model.managed import GitOrigin, Managed
from controller.model.plan import Operation, Plan
from controller.model.posture import definition_digest
from controller.model.source import Commit, RevisionRecord
from controller.model.terms import Kind
from controller.scoring.carry import Carry, same_facts
from controller.scoring.rulebook import Moment
from controller.store.audit import AuditWriting
from controller.store.columns import instant, to_json
from controller.store.differences import kept
from controller.store.expiry import ExpiryWriting
from controller.store.interface import Cause
from controller.store.sources import SourcesWriting


class ObjectsWriting(ExpiryWriting, SourcesWriting, AuditWriting):
    """Writes of configuration. Each ends with scores that follow from it."""

    # -- git

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
        before = self.judged_moment()
        in_force = self.in_force()
        own = self.settings_of(source)
        manager = f"git:{source}"
        carry: list[Carry] = []
        for operation in plan.operations:
            self._check_still_true(operation, manager)
            commit = provenance.get(operation.place.path)
            origin = GitOrigin(
                source,
                operation.place.path,
                operation.place.line,
                commit.sha if commit else record.sha,
                (links or {}).get((operation.kind, operation.id)),
            )
            if operation.document is None:
                self._bury(operation.kind, operation.id, as_of)
            else:
                if operation.op == "adopt":
                    self._keep_adopted(operation, record.revision, as_of)
                carry += self._store(operation.document, manager, origin, as_of)
        self._make_room_for_names(plan, as_of)
        self._update_places(manager, places or {}, links or {}, provenance)
        self._save_settings(source, settings)
        self._read_back(plan, manager)
        cause = Cause("commit", record.revision, record.subject[:200])
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
            self._configuration_changed(before, cause, as_of, numbers, carry)
        else:
            # Places and the revision in force have moved; nothing is judged again.
            self.bump("generation")
            if judged.cursor is None:
                self.save_judged(replace(self.judged(), visible_revision=record.revision))
        epoch = self.judged().epoch
        self.record_revision(replace(record, epoch=epoch))
        additions = {"add", "delete"}  # the file itself says what they are
        fields = kept([() if op.op in additions else op.fields for op in plan.operations])
        for operation, differences in zip(plan.operations, fields, strict=True):
            self.add_audit(
                manager,
                operation.op,
                f"{operation.kind}/{operation.id}",
                as_of,
                revision=record.revision,
                detail={
                    "path": operation.place.path,
                    "line": operation.place.line,
                    **_provenance(provenance.get(operation.place.path), record),
                    **differences,
                    **({"from_path": operation.previous_path} if operation.previous_path else {}),
                },
            )
        if settings_changed:
            detail = {"before": own.model_dump(mode="json"), **next(kept([plan.settings]))}
            self.add_audit(
                manager,
                "settings",
                f"source/{source}",
                as_of,
                revision=record.revision,
                detail=detail,
            )
        return epoch

    def _check_still_true(self, operation: Operation, manager: str) -> None:
        row = self.db.one(
            "SELECT manager FROM object WHERE kind = ? AND id = ? AND deleted_at IS NULL",
            (operation.kind, operation.id),
        )
        stored = row[0] if row else None
        fits = {
            "add": stored is None,
            "adopt": stored is not None and self._may_be_taken_over(stored),
            "change": stored == manager,
            "move": stored == manager,
            "delete": stored == manager,
        }[operation.op]
        if not fits:
            raise ConflictError(
                f"{operation.kind} {operation.id!r} changed while the plan was made; it is planned again"
            )

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

    def _store(
        self, document: AnyDocument, manager: str, origin: GitOrigin | None, as_of: datetime
    ) -> list[Carry]:
        """Write an object; definitions that may be judged again from evidence."""
        kind = kind_of(document)
        carry: list[Carry] = []
        position = None
        if isinstance(document, Check):
            position, carry = self._position(document)
        place = (origin.path, origin.line, origin.commit, origin.url) if origin else (None,) * 4
        now = instant(as_of)
        self.db.run(
            "INSERT INTO object (kind, id, manager, document, path, line, commit_sha, url, position,"
            " created_at, updated_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
            " ON CONFLICT (kind, id) DO UPDATE SET manager = excluded.manager,"
            " document = excluded.document, path = excluded.path, line = excluded.line,"
            " commit_sha = excluded.commit_sha, url = excluded.url, position = excluded.position,"
            " updated_at = excluded.updated_at, version = object.version + 1, deleted_at = NULL",
            (kind, document.id, manager, _body(document), *place, position, now, now),
        )
        return carry

    def _position(self, check: Check) -> tuple[int, list[Carry]]:
        """A definition's bit position, new ones at the end."""
        known = self.known_position(check)
        if known is None:
            position = self.next_position()
            self.db.run(
                "INSERT INTO definition (position, check_id, digest) VALUES (?, ?, ?)",
                (position, check.id, definition_digest(check)),
            )
        else:
            position = known
        stored = self.in_force().checks.get(check.id)
        if stored is None:
            return position, []
        old = self.in_force().rulebook.positions[check.id]
        carried = same_facts(stored.document, check) and old != position
        return position, [Carry(check.id, old, position)] if carried else []

    def _bury(self, kind: Kind, id_: str, as_of: datetime) -> None:
        self.db.run(
            "UPDATE object SET deleted_at = ?, updated_at = ?, version = version + 1"
            " WHERE kind = ? AND id = ?",
            (instant(as_of), instant(as_of), kind, id_),
        )

    def _make_room_for_names(self, plan: Plan, as_of: datetime) -> None:
        """Rename an API-made policy whose name git declares now: nobody can squat on a name."""
        wanted = {
            op.document.name: op.id for op in plan.operations if isinstance(op.document, Policy)
        }
        for id_, managed in self.in_force().policies.items():
            document = managed.document
            if managed.managed_by == "api" and wanted.get(document.name, id_) != id_:
                renamed = document.model_copy(update={"name": f"{document.name[:193]} (API)"})
                self._store(renamed, managed.manager, None, as_of)
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
        rows = self.db.all(
            "SELECT kind, id, path, line, url, commit_sha FROM object"
            " WHERE manager = ? AND deleted_at IS NULL",
            (manager,),
        )
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

    def _save_settings(self, source: str, settings: RepositorySettings) -> None:
        self.db.run(
            "INSERT INTO source (name, status, settings) VALUES (?, '{}', ?)"
            " ON CONFLICT (name) DO UPDATE SET settings = excluded.settings",
            (source, settings.model_dump_json()),
        )

    def _read_back(self, plan: Plan, manager: str) -> None:
        """Refuse a transaction in which an operation was lost."""
        for operation in plan.operations:
            row = self.db.one(
                "SELECT manager, deleted_at FROM object WHERE kind = ? AND id = ?",
                (operation.kind, operation.id),
            )
            gone = row is not None and row[1] is not None
            if row is None or row[0] != manager or gone != (operation.document is None):
                raise ConflictError(
                    f"{operation.op} of {operation.kind} {operation.id!r} did not arrive in the store"
                )

    # -- the API

    def put_object(
        self,
        kind: Kind,
        document: AnyDocument,
        *,
        actor: str,
        as_of: datetime,
        create: bool,
        expected_version: int | None = None,
    ) -> bool:
        in_force = self.in_force()
        self._refuse_when_git_only()
        stored: Managed[Any] | None = in_force.of_kind(kind).get(document.id)
        if stored is not None and stored.managed_by == "git":
            if not create and stored.document == document:
                return False
            raise git_managed(kind, stored, document)
        if create and stored is not None:
            raise ConflictError(f"{kind} {document.id!r} exists already; use PUT to change it")
        if not create and stored is None:
            raise NotFoundError(f"there is no {kind} {document.id!r}")
        if (
            expected_version is not None
            and in_force.versions.get((kind, document.id)) != expected_version
        ):
            raise ConflictError(f"{kind} {document.id!r} was changed meanwhile; read it again")
        self._refuse_taken_name(document)
        self._refuse_exception_on_git(document)
        if stored is not None and stored.document == document:
            return False
        self.pass_instant(as_of)
        before = self.judged_moment()
        carry = self._store(document, f"api:{actor}", None, as_of)
        touched = [document] if stored is None else [document, stored.document]
        self._configuration_changed(
            before,
            Cause("api", actor, f"{kind}/{document.id}"),
            as_of,
            self.concerned(touched),
            carry,
        )
        self.add_audit(
            f"api:{actor}",
            "create" if stored is None else "change",
            f"{kind}/{document.id}",
            as_of,
            detail={"before": None if stored is None else _body(stored.document)},
        )
        return True

    def delete_object(
        self,
        kind: Kind,
        id: str,
        *,
        actor: str,
        as_of: datetime,
        expected_version: int | None = None,
    ) -> None:
        in_force = self.in_force()
        self._refuse_when_git_only()
        stored: Managed[Any] | None = in_force.of_kind(kind).get(id)
        if stored is None:
            raise NotFoundError(f"there is no {kind} {id!r}")
        if stored.managed_by == "git":
            raise git_managed(kind, stored, None)
        if expected_version is not None and in_force.versions.get((kind, id)) != expected_version:
            raise ConflictError(f"{kind} {id!r} was changed meanwhile; read it again")
        self.pass_instant(as_of)
        before = self.judged_moment()
        self._bury(kind, id, as_of)
        self._configuration_changed(
            before,
            Cause("api", actor, f"{kind}/{id} deleted"),
            as_of,
            self.concerned([stored.document]),
            [],
        )
        self.add_audit(
            f"api:{actor}",
            "delete",
            f"{kind}/{id}",
            as_of,
            detail={"before": _body(stored.document)},
        )

    def seed_checks(
        self, checks: Iterable[Check], *, actor: str, as_of: datetime
    ) -> tuple[int, int, int, tuple[str, ...]]:
        self._refuse_when_git_only()
        self.pass_instant(as_of)
        before = self.judged_moment()
        in_force = self.in_force()
        created = updated = unchanged = 0
        git: list[str] = []
        carry: list[Carry] = []
        for check in checks:
            stored = in_force.checks.get(check.id)
            if stored is not None and stored.managed_by == "git":
                git.append(check.id)
            elif stored is not None and stored.document == check and stored.manager == "builtin":
                unchanged += 1
            else:
                created, updated = created + (stored is None), updated + (stored is not None)
                carry += self._store(check, "builtin", None, as_of)
        if created or updated:
            cause = Cause("api", actor, "built-in checks imported")
            self._configuration_changed(before, cause, as_of, None, carry)
            self.add_audit(
                f"api:{actor}",
                "seed",
                "check/*",
                as_of,
                detail={"created": created, "updated": updated, "unchanged": unchanged},
            )
        return created, updated, unchanged, tuple(sorted(git))

    def _refuse_when_git_only(self) -> None:
        if self.in_force().settings.api_writes == "deny":
            raise GitOnlyError(
                "this controller takes policies, checks and exceptions from git only (api_writes: deny)"
            )

    def _refuse_taken_name(self, document: AnyDocument) -> None:
        if not isinstance(document, Policy):
            return
        for id_, managed in self.in_force().policies.items():
            if id_ != document.id and managed.document.name == document.name:
                if managed.managed_by == "git":
                    raise git_managed("policy", managed, document)
                raise ConflictError(f"policy {id_!r} has the name {document.name!r} already")

    def _refuse_exception_on_git(self, document: AnyDocument) -> None:
        """An exception on what a git policy selects would change git's judgement (docs/reference/api.md)."""
        if not isinstance(document, Waiver) or self.in_force().settings.api_exceptions == "allow":
            return
        rulebook = self.in_force().rulebook
        named = set(document.checks)
        touched = [
            managed
            for id_, managed in self.in_force().policies.items()
            if managed.managed_by == "git" and named.intersection(rulebook.selected[id_])
        ]
        if touched:
            names = ", ".join(managed.id for managed in touched)
            error = git_managed("policy", touched[0], None)
            raise GitManagedError(
                f"the exception would touch checks that git policies select: {names};"
                " declare it in git (api_exceptions: deny)",
                {**error.detail, "policies": [managed.id for managed in touched]},
            )

    # -- both

    def _configuration_changed(
        self,
        before: Moment,
        cause: Cause,
        as_of: datetime,
        numbers: Sequence[int] | None,
        carry: Sequence[Carry],
    ) -> None:
        self.bump("generation")
        after = self.in_force().rulebook.at(as_of)
        after = self.cache.moment(
            self.in_force().generation, self.in_force().rulebook, after.active
        )
        self.rejudge(before, after, cause, as_of, numbers=numbers, carry=carry)


def _provenance(commit: Commit | None, record: RevisionRecord) -> dict[str, object]:
    """Who last changed a file, for the trail; of a revision whose history is too long, its own author."""
    if commit is None:
        return {"commit": record.sha, "author": record.author, "subject": record.subject[:200]}
    return {
        "commit": commit.sha,
        "author": commit.author,
        "email": commit.email,
        "subject": commit.subject[:200],
        "committed_at": commit.committed_at.isoformat(),
    }


def _body(document: AnyDocument) -> str:
    return to_json(document.model_dump(mode="json"))


def git_managed(kind: Kind, stored: Managed[Any], requested: AnyDocument | None) -> GitManagedError:
    """The refusal of a write that conflicts with git, with everything that the answer names."""
    origin = stored.origin
    if origin is None:
        raise ConflictError(f"{kind} {stored.id!r} is managed by git, but its place is not known")
    conflicts: list[dict[str, object]] = []
    if requested is not None:
        have = stored.document.model_dump(mode="json")
        want = requested.model_dump(mode="json")
        conflicts = [
            {"field": field, "git_value": have.get(field), "requested_value": want.get(field)}
            for field in want
            if want.get(field) != have.get(field)
        ]
    return GitManagedError(
        f"{kind} {stored.id!r} is managed by git: {origin}; change it there",
        {
            "managed_by": {
                "source": origin.source,
                "path": origin.path,
                "line": origin.line,
                "commit": origin.commit,
                "url": origin.url,
            },
            "conflicts": conflicts,
        },
    )
