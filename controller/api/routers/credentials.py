"""User tokens and enrolment keys: shown once, listed without their secret, revoked at once."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from fastapi import APIRouter, Response
from pydantic import BaseModel

from controller.api.access import Admin
from controller.api.inputs import NewEnrollmentKey, NewToken
from controller.api.listing import Listing, PageOf, cut
from controller.api.route import Route
from controller.api.tokens import ENROLLMENT, USER, hash_token, new_token
from controller.errors import NotFoundError, RejectedError
from controller.model.terms import Role
from controller.store.port.credentials import EnrollmentKeyInfo, TokenInfo

router = APIRouter(prefix="/api/v1", tags=["credentials"], route_class=Route)


class MadeToken(BaseModel):
    """A new token; ``token`` is shown this once."""

    id: str
    name: str
    role: Role
    token: str
    created_at: datetime
    expires_at: datetime | None


class MadeEnrollmentKey(BaseModel):
    """A new enrolment key; ``key`` is shown this once."""

    id: str
    name: str
    tags: tuple[str, ...]
    uses_left: int | None
    key: str
    created_at: datetime
    expires_at: datetime | None


@router.get("/tokens")
def list_tokens(call: Admin, paging: PageOf) -> Listing[TokenInfo]:
    """User tokens, revoked and expired ones included, oldest first."""
    with call.read() as reading:
        tokens = reading.tokens()
    return cut(
        tokens,
        paging,
        key=lambda each: each.created_at,
        texts=lambda each: (each.id, each.name, each.role),
        show=lambda each: each,
    )


@router.post("/tokens", status_code=201)
def create_token(call: Admin, body: NewToken, response: Response) -> MadeToken:
    """Make a user token."""
    _require_future(body.expires_at, call.as_of)
    id_, token = uuid4().hex, new_token(USER)
    with call.store.write() as writing:
        writing.add_token(
            id_,
            body.name,
            body.role,
            hash_token(token),
            actor=call.actor,
            as_of=call.as_of,
            expires_at=body.expires_at,
        )
    response.headers["Location"] = f"/api/v1/tokens/{id_}"
    return MadeToken(
        id=id_,
        name=body.name,
        role=body.role,
        token=token,
        created_at=call.as_of,
        expires_at=body.expires_at,
    )


@router.delete("/tokens/{id}", status_code=204)
def revoke_token(id: str, call: Admin) -> None:
    """Revoke a user token; its next request fails."""
    with call.store.write() as writing:
        if not any(each.id == id for each in writing.tokens()):
            raise NotFoundError(f"no token with the id {id[:64]!r}")
        writing.revoke_token(id, actor=call.actor, as_of=call.as_of)


@router.get("/enrollment-keys")
def list_enrollment_keys(call: Admin, paging: PageOf) -> Listing[EnrollmentKeyInfo]:
    """Enrolment keys, revoked and used-up ones included, oldest first."""
    with call.read() as reading:
        keys = reading.enrollment_keys()
    return cut(
        keys,
        paging,
        key=lambda each: each.created_at,
        texts=lambda each: (each.id, each.name, *each.tags),
        show=lambda each: each,
    )


@router.post("/enrollment-keys", status_code=201)
def create_enrollment_key(
    call: Admin, body: NewEnrollmentKey, response: Response
) -> MadeEnrollmentKey:
    """Make an enrolment key, with the tags that its machines get."""
    _require_future(body.expires_at, call.as_of)
    id_, key = uuid4().hex, new_token(ENROLLMENT)
    tags = tuple(sorted(set(body.tags)))
    with call.store.write() as writing:
        writing.add_enrollment_key(
            id_,
            body.name,
            hash_token(key),
            tags=tags,
            uses=body.uses,
            actor=call.actor,
            as_of=call.as_of,
            expires_at=body.expires_at,
        )
    response.headers["Location"] = f"/api/v1/enrollment-keys/{id_}"
    return MadeEnrollmentKey(
        id=id_,
        name=body.name,
        tags=tags,
        uses_left=body.uses,
        key=key,
        created_at=call.as_of,
        expires_at=body.expires_at,
    )


@router.delete("/enrollment-keys/{id}", status_code=204)
def revoke_enrollment_key(id: str, call: Admin) -> None:
    """Revoke an enrolment key; machines that used it stay."""
    with call.store.write() as writing:
        if not any(each.id == id for each in writing.enrollment_keys()):
            raise NotFoundError(f"no enrolment key with the id {id[:64]!r}")
        writing.revoke_enrollment_key(id, actor=call.actor, as_of=call.as_of)


def _require_future(expires_at: datetime | None, as_of: datetime) -> None:
    if expires_at is not None and expires_at <= as_of:
        message = "must be in the future"
        raise RejectedError(f"expires_at {message}", (("expires_at", message),))
