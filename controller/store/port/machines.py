"""Machines as the store knows them: their state, their lists, what they are asked to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from controller.model.documents import Waiver
from controller.model.machine import Machine
from controller.model.posture import Posture
from controller.model.report import Evidence
from controller.model.terms import EnrollmentStatus, Platform, RiskLevel
from controller.scoring.standing import Standing
from controller.store.port.page import Page


@dataclass(frozen=True, slots=True)
class CheckTimes:
    """Since when a check has its raw outcome on a machine, and when it first failed there."""

    status_since: datetime
    first_failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MachineState:
    """A machine with everything that its page shows."""

    machine: Machine
    posture: Posture
    times: Mapping[int, CheckTimes]
    """By definition position."""
    stale: bool


@dataclass(frozen=True, slots=True)
class MachineRow:
    """A machine as lists show it, with its stored overall standing."""

    machine: Machine
    standing: Standing | None
    """None while it is not approved."""
    stale: bool


@dataclass(frozen=True, slots=True)
class MachineQuery:
    """Filters, order and page of a machine list; empty filters match everything."""

    search: str = ""
    """Part of the hostname or of the uuid, any case."""
    risk: RiskLevel | None = None
    compliant: bool | None = None
    assessed: bool | None = None
    os: str | None = None
    tag: str | None = None
    stale: bool | None = None
    status: str | None = None
    policy_id: str | None = None
    """Only machines that this policy applies to; standing and order are then of that policy."""
    failing: str | None = None
    """Only machines that reported this check as failed, exempted there or not."""
    sort_by: Literal["hostname", "score", "risk_level", "last_seen", "os", "created_at"] = (
        "hostname"
    )
    descending: bool = False
    page: int = 1
    per_page: int = 50


@dataclass(frozen=True, slots=True)
class Claim:
    """What an agent says of its machine when it enrols."""

    hostname: str
    os: Platform
    arch: str
    agent_version: str
    os_version: str = ""


RUN_LIFE: Final = timedelta(minutes=15)
"""How long an unanswered run is given again, and complete when answered; a later answer counts as
partial (docs/reference/api.md)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a machine was asked to do and has not answered."""

    run_id: str
    issued_at: datetime
    policy_ids: tuple[str, ...]
    asked: int
    """Bitmap of definition positions."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What scheduling needs to know of a machine."""

    machine: Machine
    evaluated: Mapping[str, datetime]
    """Policy id to the receipt of its last complete evaluation."""
    executed: Mapping[str, datetime]
    """Policy id to the newest ``execute`` request that concerns this machine."""
    run: Run | None


class MachinesReading(Protocol):
    """Machines, one or many, in a snapshot."""

    def machine(self, uuid: str) -> Machine | None: ...
    def machine_state(self, uuid: str, as_of: datetime) -> MachineState | None: ...
    def evidence(self, uuid: str) -> Mapping[str, Evidence]:
        """By check id."""
        ...

    def machines(self, query: MachineQuery, as_of: datetime) -> Page[MachineRow]: ...
    def lowest_scores(self, limit: int, as_of: datetime) -> Sequence[MachineRow]:
        """The assessed machines with the lowest scores, lowest first."""
        ...

    def every_machine(self, after: int = 0, limit: int = 1000) -> Sequence[tuple[Machine, Posture]]:
        """Approved machines in order of their number, with their postures, in chunks."""
        ...

    def enrollment_status(self, uuid: str, token_hash: str) -> EnrollmentStatus | None:
        """What became of an enrolment, for the token it gave; none when the token is not of it."""
        ...

    def duty(self, uuid: str) -> Duty | None: ...
    def matching_machines(self, waiver: Waiver) -> int:
        """How many approved machines an exception's selector takes in."""
        ...


class MachinesWriting(Protocol):
    """Enrolment, standing, tags, and what a machine is asked to do."""

    def enroll(
        self,
        claim: Claim,
        key_hash: str,
        new_token_hash: str,
        as_of: datetime,
        existing: tuple[str, str] | None = None,
    ) -> Machine:
        """Enrol a machine with a key.

        Args:
            claim: What the agent says.
            key_hash: SHA-256 of the enrolment key.
            new_token_hash: SHA-256 of the token that it will get.
            as_of: Now.
            existing: A uuid to take up again, with the SHA-256 of its old token or an empty text.
                Without that proof the answer's status is ``pending`` and the old token stays valid.

        Raises:
            UnauthenticatedError: The key is unknown, expired, used up or revoked.
        """
        ...

    def set_machine_status(
        self, uuid: str, status: Literal["approved", "rejected"], *, actor: str, as_of: datetime
    ) -> Machine: ...
    def set_machine_tags(
        self, uuid: str, tags: tuple[str, ...], *, actor: str, as_of: datetime
    ) -> Machine: ...
    def delete_machine(self, uuid: str, *, actor: str, as_of: datetime) -> None: ...
    def touch(self, uuid: str, as_of: datetime) -> None:
        """Note that the machine called."""
        ...

    def issue_run(self, uuid: str, run: Run) -> None: ...
    def request_execution(
        self, policy_id: str, uuids: tuple[str, ...] | None, *, actor: str, as_of: datetime
    ) -> int:
        """Ask for an evaluation now; how many machines are concerned."""
        ...
