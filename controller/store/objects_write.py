"""Writes through the API, where git allows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from controller.errors import ConflictError, GitManagedError, GitOnlyError, NotFoundError
from controller.model.documents import AnyDocument, Check, Policy, Waiver
from controller.model.managed import Managed
from controller.model.terms import Kind
from controller.scoring.carry import Carry
from controller.store.object_rows import body_of
from controller.store.plan_write import PlanWriting
from controller.store.port.fleet import Cause


class ObjectsWriting(PlanWriting):
    """Writes of configuration. Each ends with scores that follow from it."""

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
        carry = self.store_object(document, f"api:{actor}", None, as_of)
        touched = [document] if stored is None else [document, stored.document]
        self.configuration_changed(
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
            detail={"before": None if stored is None else body_of(stored.document)},
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
        self.bury(kind, id, as_of)
        self.configuration_changed(
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
            detail={"before": body_of(stored.document)},
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
                carry += self.store_object(check, "builtin", None, as_of)
        if created or updated:
            cause = Cause("api", actor, "built-in checks imported")
            self.configuration_changed(before, cause, as_of, None, carry)
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
