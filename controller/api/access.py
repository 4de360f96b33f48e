"""Who may call a route: stated in its signature, checked before its body is read.

Roles ascend: each may do what those before it may. An agent's token speaks for its own machine only;
another's machine is answered like one that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request

from controller.api.conditional import snapshot_tag
from controller.api.gate import CHARGE_KEY, GATE_KEY, Charge, Gate
from controller.api.services import Services
from controller.errors import ForbiddenError, UnauthenticatedError
from controller.fleet.scores import unknown_machine
from controller.model.terms import ROLES, Role
from controller.store.port.credentials import Principal
from controller.store.port.store import Reading, Store

_LOOPBACK: Final = re.compile(r"(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})(?::\d+)?")
VISIT_KEY: Final = "gitward.visit"
UUID_PARAMETER: Final = "uuid"


class Visit:
    """A request on a route that is open to everybody."""

    def __init__(self, gate: Gate, charge: Charge, as_of: datetime) -> None:
        self.gate = gate
        self.charge = charge
        self.as_of = as_of
        self.tag: str | None = None
        """The entity tag of the answer; set by reading."""

    @property
    def services(self) -> Services:
        return self.gate.services

    @property
    def store(self) -> Store:
        return self.gate.services.store

    @contextmanager
    def read(self, version: str = "0") -> Iterator[Reading]:
        """Open a snapshot, and name its state in the answer's ``ETag``."""
        with self.store.read() as reading:
            self.name_state(reading, version)
            yield reading

    def name_state(self, reading: Reading, version: str = "0") -> None:
        """Set the answer's ``ETag``: an object's version and the state of everything."""
        self.tag = f'"{version}-{snapshot_tag(reading, self.as_of)}"'


class Call(Visit):
    """A request by somebody known."""

    def __init__(
        self, gate: Gate, charge: Charge, as_of: datetime, principal: Principal | None
    ) -> None:
        super().__init__(gate, charge, as_of)
        self._principal = principal

    @property
    def principal(self) -> Principal:
        """Who calls.

        Raises:
            UnauthenticatedError: Nobody known, on a route that loopback opens.
        """
        if self._principal is None:
            raise UnauthenticatedError(_NO_TOKEN)
        return self._principal

    @property
    def actor(self) -> str:
        """The name that goes into the audit trail."""
        return self.principal.name


_NO_TOKEN: Final = "send a token: Authorization: Bearer TOKEN; an administrator makes one"  # noqa: S105
_BAD_TOKEN: Final = "the token is unknown, expired or revoked; ask for a new one"  # noqa: S105


@dataclass(frozen=True)
class Access:
    """Who may call."""

    role: Role | None = None
    """The least role of a person; none: no person."""
    agent: bool = False
    """Whether a machine may, for itself."""
    anyone: bool = False
    """Whether everybody may; no token is looked at."""
    loopback: bool = False
    """Whether everybody may while the controller is bound to loopback."""

    async def __call__(self, request: Request) -> Visit:
        """As a dependency: what the route has already made of the request."""
        visit: Visit = request.scope[VISIT_KEY]
        return visit

    async def admit(self, request: Request) -> Visit:
        """Let the request in.

        Raises:
            UnauthenticatedError: A token is missing, unknown, expired or revoked.
            ForbiddenError: The caller's role is too low, or a machine calls a person's route.
            NotFoundError: A machine asks for another's.
        """
        gate, charge = request.scope[GATE_KEY], request.scope[CHARGE_KEY]
        as_of = gate.services.clock()
        if self.anyone:
            return Visit(gate, charge, as_of)
        if self.loopback and gate.services.loopback and _names_loopback(request):
            return Call(gate, charge, as_of, None)
        principal = identify(gate, charge, as_of)
        if principal.role is None and self.agent:
            named = str(request.path_params.get(UUID_PARAMETER, principal.machine_uuid))
            await gate.foreign.note(principal.machine_uuid or "", named, "path")
        self.check(principal, request.path_params)
        return Call(gate, charge, as_of, principal)

    def check(self, principal: Principal, path: Mapping[str, object]) -> None:
        """Whether this caller may call this path."""
        if principal.role is None:
            if not self.agent:
                raise ForbiddenError("an agent's token cannot do this; use a person's token")
            uuid = path.get(UUID_PARAMETER, principal.machine_uuid)
            if uuid != principal.machine_uuid:
                raise unknown_machine(str(uuid))
            return
        if self.role is None:
            raise ForbiddenError("only a machine's own token can do this")
        if ROLES.index(principal.role) < ROLES.index(self.role):
            raise ForbiddenError(
                f"this needs the role {self.role}; your token has the role {principal.role}"
            )


def _names_loopback(request: Request) -> bool:
    """Whether the caller asked for this machine by name.

    A page elsewhere whose name was made to point here (DNS rebinding), or a proxy in front, asks for
    another host: then a token is needed although the connection comes from here.
    """
    return _LOOPBACK.fullmatch(request.headers.get("host", "").lower()) is not None


def identify(gate: Gate, charge: Charge, as_of: datetime) -> Principal:
    """Whom the request's token belongs to, as the store says now.

    Raises:
        UnauthenticatedError: There is no token, or it is unknown, expired or revoked.
    """
    if charge.token_hash is None:
        raise UnauthenticatedError(_NO_TOKEN)
    # One small read by key; the event loop need not ask a thread for it.
    principal = gate.services.store.bearer(charge.token_hash, as_of)
    if principal is None:
        charge.disown()
        raise UnauthenticatedError(_BAD_TOKEN)
    return principal


Anyone = Annotated[Visit, Depends(Access(anyone=True))]
Viewer = Annotated[Call, Depends(Access("viewer"))]
ViewerOrLoopback = Annotated[Call, Depends(Access("viewer", loopback=True))]
ViewerOrSelf = Annotated[Call, Depends(Access("viewer", agent=True))]
Technician = Annotated[Call, Depends(Access("technician"))]
Manager = Annotated[Call, Depends(Access("manager"))]
Admin = Annotated[Call, Depends(Access("admin"))]
Agent = Annotated[Call, Depends(Access(agent=True))]
