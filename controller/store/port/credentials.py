"""Who may call: principals, user tokens and enrolment keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.model.terms import EnrollmentStatus, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a person's token with a role, or an agent's, which speaks for one machine."""

    name: str
    role: Role | None
    """None for an agent."""
    machine_uuid: str | None = None
    token_id: str | None = None
    token_hash: str = ""


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A user token without its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class EnrollmentKeyInfo:
    """An enrolment key without its secret."""

    id: str
    name: str
    tags: tuple[str, ...]
    uses_left: int | None
    """None: any number of times."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


class CredentialsReading(Protocol):
    """Tokens and keys in a snapshot."""

    def principal(self, token_hash: str, as_of: datetime) -> Principal | None:
        """Whom a token belongs to; none when unknown, expired or revoked."""
        ...

    def registration(self, token_hash: str) -> tuple[str, EnrollmentStatus] | None:
        """The machine of an agent's token and its standing, waiting and rejected ones included."""
        ...

    def tokens(self) -> Sequence[TokenInfo]: ...
    def enrollment_keys(self) -> Sequence[EnrollmentKeyInfo]: ...


class CredentialsWriting(Protocol):
    """Tokens and keys made and revoked."""

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
    ) -> None: ...
    def revoke_token(self, id: str, *, actor: str, as_of: datetime) -> None: ...
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
    ) -> None: ...
    def revoke_enrollment_key(self, id: str, *, actor: str, as_of: datetime) -> None: ...
