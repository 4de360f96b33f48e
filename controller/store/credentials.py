"""Tokens and enrolment keys: only their SHA-256 is ever stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from controller.errors import ConflictError, NotFoundError
from controller.model.terms import EnrollmentStatus, Role
from controller.store.audit import AuditWriting
from controller.store.columns import instant, moment_of, optional_instant, optional_moment
from controller.store.context import Context
from controller.store.driver import Record, Value
from controller.store.port.credentials import EnrollmentKeyInfo, Principal, TokenInfo

OneRow = Callable[[str, Sequence[Value]], Record | None]


def principal_of(one: OneRow, token_hash: str, as_of: datetime) -> Principal | None:
    """Whom a token belongs to; none when it is unknown, revoked, expired or not approved.

    Args:
        one: Reads one row; two small reads by key at most.
        token_hash: As stored.
        as_of: Now.
    """
    row = one(
        "SELECT id, name, role, expires_at FROM token WHERE hash = ? AND revoked_at IS NULL",
        (token_hash,),
    )
    if row is not None:
        if row[3] is not None and row[3] <= instant(as_of):
            return None
        return Principal(name=row[1], role=row[2], token_id=row[0], token_hash=token_hash)
    row = one(
        "SELECT m.uuid FROM machine_token t JOIN machine m ON m.number = t.machine"
        " WHERE t.hash = ? AND t.pending = 0 AND m.status = 'approved'",
        (token_hash,),
    )
    if row is None:
        return None
    return Principal(name=f"agent {row[0]}", role=None, machine_uuid=row[0], token_hash=token_hash)


class CredentialsReading(Context):
    """Reads of credentials."""

    def principal(self, token_hash: str, as_of: datetime) -> Principal | None:
        return principal_of(self.db.one, token_hash, as_of)

    def registration(self, token_hash: str) -> tuple[str, EnrollmentStatus] | None:
        row = self.db.one(
            "SELECT m.uuid, m.status, t.pending FROM machine_token t"
            " JOIN machine m ON m.number = t.machine WHERE t.hash = ?",
            (token_hash,),
        )
        if row is None:
            return None
        return row[0], "pending" if row[2] else row[1]

    def tokens(self) -> Sequence[TokenInfo]:
        rows = self.db.all(
            "SELECT id, name, role, created_at, created_by, expires_at, revoked_at FROM token"
            " ORDER BY created_at, id"
        )
        return [
            TokenInfo(
                id_, name, role, moment_of(at), by, optional_moment(ends), optional_moment(gone)
            )
            for id_, name, role, at, by, ends, gone in rows
        ]

    def enrollment_keys(self) -> Sequence[EnrollmentKeyInfo]:
        rows = self.db.all(
            "SELECT id, name, tags, uses_left, created_at, created_by, expires_at, revoked_at"
            " FROM enrollment_key ORDER BY created_at, id"
        )
        return [
            EnrollmentKeyInfo(
                id_,
                name,
                tuple(json.loads(tags)),
                uses,
                moment_of(at),
                by,
                optional_moment(ends),
                optional_moment(gone),
            )
            for id_, name, tags, uses, at, by, ends, gone in rows
        ]


class CredentialsWriting(CredentialsReading, AuditWriting):
    """Writes of credentials; every one is in the audit trail."""

    def add_token(
        self,
        id: str,
        name: str,
        role: Role,
        hash: str,
        *,
        actor: str,
        as_of: datetime,
        expires_at: datetime | None,
    ) -> None:
        taken = self.db.one("SELECT 1 FROM token WHERE name = ? AND revoked_at IS NULL", (name,))
        if taken:
            raise ConflictError(
                f"there is a token named {name!r} already; revoke it or choose another"
            )
        self.db.run(
            "INSERT INTO token (id, name, role, hash, created_at, created_by, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id, name, role, hash, instant(as_of), actor, optional_instant(expires_at)),
        )
        self.add_audit(actor, "create", f"token/{id}", as_of, detail={"name": name, "role": role})

    def revoke_token(self, id: str, *, actor: str, as_of: datetime) -> None:
        self._revoke("token", id, actor, as_of)

    def add_enrollment_key(
        self,
        id: str,
        name: str,
        hash: str,
        *,
        tags: tuple[str, ...],
        uses: int | None,
        actor: str,
        as_of: datetime,
        expires_at: datetime | None,
    ) -> None:
        self.db.run(
            "INSERT INTO enrollment_key (id, name, hash, tags, uses_left, created_at, created_by,"
            " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id,
                name,
                hash,
                json.dumps(tags),
                uses,
                instant(as_of),
                actor,
                optional_instant(expires_at),
            ),
        )
        detail = {"name": name, "tags": list(tags), "uses": uses}
        self.add_audit(actor, "create", f"enrollment-key/{id}", as_of, detail=detail)

    def revoke_enrollment_key(self, id: str, *, actor: str, as_of: datetime) -> None:
        self._revoke("enrollment_key", id, actor, as_of)

    def _revoke(self, table: str, id_: str, actor: str, as_of: datetime) -> None:
        word = table.replace("_", "-")
        touched = self.db.run(
            f"UPDATE {table} SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",  # noqa: S608
            (instant(as_of), id_),
        )
        if not touched:
            raise NotFoundError(f"there is no {word} {id_!r} in use")
        self.add_audit(actor, "revoke", f"{word}/{id_}", as_of)
