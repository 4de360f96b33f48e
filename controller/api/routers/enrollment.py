"""Enrolment: a machine asks to take part."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel

from controller.api.access import Anyone
from controller.api.inputs import Registration
from controller.api.route import Route
from controller.api.tokens import AGENT, hash_token, new_token
from controller.errors import UnauthenticatedError
from controller.fleet.scores import unknown_machine
from controller.model.terms import EnrollmentStatus
from controller.store.port.machines import Claim

router = APIRouter(prefix="/api/v1/enrollment", tags=["enrollment"], route_class=Route)
Secret = Annotated[str | None, Header(max_length=512)]


class Registered(BaseModel):
    """A machine's identity; ``agent_token`` is shown this once."""

    uuid: str
    status: EnrollmentStatus
    agent_token: str
    poll_interval_seconds: int


class RegistrationStatus(BaseModel):
    """Whether a machine may take part yet."""

    uuid: str
    status: EnrollmentStatus


@router.post("/register", status_code=201)
def register(
    visit: Anyone, body: Registration, response: Response, x_registration_key: Secret = None
) -> Registered:
    """Enrol with a key; a machine that comes back proves itself with its old token as bearer."""
    if not x_registration_key:
        raise UnauthenticatedError("send the enrolment key as X-Registration-Key")
    claim = Claim(body.hostname, body.os, body.arch, body.agent_version, body.os_version)
    existing = None
    if body.existing_uuid is not None:
        existing = (body.existing_uuid, visit.charge.token_hash or "")
    token = new_token(AGENT)
    with visit.store.write() as writing:
        machine = writing.enroll(
            claim, hash_token(x_registration_key), hash_token(token), visit.as_of, existing
        )
    visit.charge.forgive()
    response.headers["Location"] = f"{router.prefix}/status/{machine.uuid}"
    return Registered(
        uuid=machine.uuid,
        status=machine.status,
        agent_token=token,
        poll_interval_seconds=visit.services.poll_interval_seconds,
    )


@router.get("/status/{uuid}")
def registration_status(
    uuid: str, visit: Anyone, x_registration_token: Secret = None
) -> RegistrationStatus:
    """Whether a machine is approved; for itself, by its token, or for a person."""
    hash_ = hash_token(x_registration_token) if x_registration_token else visit.charge.token_hash
    if hash_ is None:
        raise UnauthenticatedError("send the machine's own token as X-Registration-Token")
    with visit.store.read() as reading:
        claim = reading.registration(hash_)
        person = None if claim else reading.principal(hash_, visit.as_of)
        machine = reading.machine(uuid)
    if claim is None and person is None:
        raise UnauthenticatedError("the token is unknown, expired or revoked; enrol again")
    visit.charge.forgive()
    if machine is None or (claim is not None and claim[0] != uuid):
        raise unknown_machine(uuid)
    return RegistrationStatus(uuid=uuid, status=claim[1] if claim else machine.status)
