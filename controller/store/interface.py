"""What the rest of the program asks of a store, in domain verbs.

A ``Reading`` is one consistent snapshot; a ``Writing`` is one transaction, which also reads. Nothing
above this line knows tables or SQL. All times are aware UTC; ``as_of`` is always given by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from controller.errors import LeaseLostError
from controller.model.configuration import Configuration, Place
from controller.model.documents import AnyDocument, Check, Policy, RepositorySettings, Waiver
from controller.model.integrity import AuditHead, Finding
from controller.model.machine import Machine
from controller.model.managed import Managed
from controller.model.notice import MachineTurn, Notice, Subscription
from controller.model.plan import Plan
from controller.model.posture import Posture
from controller.model.report import Evidence, Report
from controller.model.source import Commit, RevisionRecord, SourceStatus
from controller.model.terms import EnrollmentStatus, Kind, Platform, RiskLevel, Role
from controller.scoring.rulebook import Moment, Rulebook
from controller.scoring.standing import Standing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, with the size of the whole."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class InForce:
    """The configuration in force, whoever manages it. Cached by ``generation``."""

    generation: int
    """Rises with every change of an object or of the settings."""
    policies: Mapping[str, Managed[Policy]]
    checks: Mapping[str, Managed[Check]]
    waivers: Mapping[str, Managed[Waiver]]
    settings: RepositorySettings
    revision: str | None
    """Of the newest applied commit, ``main@sha1:...``; none before the first."""
    rulebook: Rulebook
    versions: Mapping[tuple[Kind, str], int]
    """Rises with every change of one object; for entity tags."""

    def of_kind(self, kind: Kind) -> Mapping[str, Managed[AnyDocument]]:
        """The objects of one kind, by id."""
        tables: dict[Kind, Mapping[str, Managed[AnyDocument]]] = {
            "policy": self.policies,
            "check": self.checks,
            "exception": self.waivers,
        }
        return tables[kind]


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
class Totals:
    """Sums over machines, of one policy or of all; scores are summed in hundredths."""

    agents: int = 0
    assessed: int = 0
    compliant: int = 0
    score_sum: int = 0
    bare_assessed: int = 0
    bare_compliant: int = 0
    bare_score_sum: int = 0
    risk: Mapping[str, int] = field(default_factory=dict)
    """All five risk levels."""


@dataclass(frozen=True, slots=True)
class CheckTotals:
    """Over all machines, one check's outcomes in force: exempted ones are in ``exempted`` alone."""

    passed: int = 0
    failed: int = 0
    errored: int = 0
    exempted: int = 0


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """The fleet's counters: always of exactly one configuration."""

    revision: str | None
    overall: Totals
    policies: Mapping[str, Totals]
    checks: Mapping[str, CheckTotals]
    """By check id; only checks in force."""
    stale: int
    as_of: datetime
    """When the counters last changed."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The last state of a day (UTC)."""

    day: date
    totals: Totals


CauseKind = Literal[
    "report", "commit", "exception_start", "exception_end", "api", "tags", "enrollment"
]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a score changed: ``ref`` is a report id, a revision, an exception id, a principal."""

    kind: CauseKind
    ref: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """What one change of judgement did to the fleet as a whole."""

    at: datetime
    cause: Cause
    before: Totals
    after: Totals | None
    """None while its chunks are still going on, and for good when another change overtook it."""


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """One movement of a machine's score, overall or under one policy."""

    at: datetime
    policy_id: str | None
    hundredths: int | None
    risk: str
    compliant: bool | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class OutcomeChange:
    """One movement of a check's raw outcome on a machine."""

    at: datetime
    check_id: str
    before: str
    after: str


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


@dataclass(frozen=True, slots=True)
class Submission:
    """A report with who sent it, as intake hands it over."""

    machine_uuid: str
    token_hash: str
    report: Report
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a report."""

    report_id: str
    accepted: int
    changed: int
    duplicate: bool
    superseded: bool
    unknown_checks: tuple[str, ...]
    outdated_checks: tuple[str, ...]
    hundredths: int | None
    risk: str
    compliant: bool | None


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


@dataclass(frozen=True, slots=True)
class Claim:
    """What an agent says of its machine when it enrols."""

    hostname: str
    os: Platform
    arch: str
    agent_version: str
    os_version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling once per object, reason and revision."""

    at: datetime
    object: str
    """``policy/ID``, ``source/NAME``, ``machine/UUID``."""
    reason: str
    revision: str
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit trail, chained by ``hash`` to the one before it."""

    number: int
    at: datetime
    actor: str
    action: str
    object: str
    revision: str
    detail: Mapping[str, Any]
    hash: str


class Reading(Protocol):
    """One consistent snapshot of the store."""

    # configuration
    def in_force(self) -> InForce: ...
    def change(self) -> int:
        """Rises with every transaction that could change an answer; for entity tags."""
        ...

    def moment(self, as_of: datetime) -> Moment: ...
    def next_instant(self, as_of: datetime) -> datetime | None:
        """When scores next move by time alone; ``as_of`` itself when that is overdue."""
        ...

    def unfinished(self) -> bool:
        """Whether a fleet-wide change still has chunks to go."""
        ...

    def tombstone(self, kind: Kind, id: str) -> datetime | None:
        """When an object was deleted; none if it never existed or exists."""
        ...

    def first_applied(self) -> Mapping[str, datetime]:
        """Exception id to when it was first applied, deleted ones included."""
        ...

    def known_position(self, check: Check) -> int | None:
        """The bit position of a check's definition; none when it was never seen."""
        ...

    def next_position(self) -> int:
        """The position that the next definition never seen before gets."""
        ...

    # machines
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

    # fleet
    def fleet_totals(self, as_of: datetime) -> FleetTotals: ...
    def reported_since(self, since: datetime, most: int) -> int | None:
        """How many machines have reported since then.

        Counts at most so many that have and so many that have not, so that it costs the same at any
        size; none when both are more.
        """
        ...

    def stale_machines(self, as_of: datetime) -> int:
        """How many approved machines are overdue; the one total that time alone moves."""
        ...

    def trend(self, since: date) -> Sequence[TrendPoint]:
        """Stored points, ascending; days without a change have none."""
        ...

    def movements(
        self, since: datetime, kind: CauseKind | None = None, limit: int = 200
    ) -> Sequence[Movement]:
        """The newest changes of judgement since then, ascending: commits, exceptions, API writes."""
        ...

    def movements_of(self, refs: Sequence[str]) -> Mapping[str, Movement]:
        """The newest movement of each cause, by its ``ref``; those that have none are left out."""
        ...

    def overall_before(self, number: int, at: datetime) -> int | None:
        """The overall score in hundredths that a machine had at a moment.

        None when it had none then, or its history does not reach back so far.
        """
        ...

    def score_history(
        self, uuid: str, since: datetime, policy_id: str | None
    ) -> Sequence[ScoreChange]: ...
    def outcome_history(self, uuid: str, since: datetime) -> Sequence[OutcomeChange]: ...

    # sources
    def sources(self) -> Sequence[SourceStatus]: ...
    def source(self, name: str) -> SourceStatus | None: ...
    def settings_of(self, source: str) -> RepositorySettings:
        """What one source's own ``gitward.yaml`` says, as applied."""
        ...

    def reconcile_request(self, source: str) -> int:
        """The newest reconcile request's number; 0 before the first."""
        ...

    def requested_by(self, source: str) -> str:
        """Who made the newest reconcile request; empty before the first."""
        ...

    def revisions(self, page: int, per_page: int) -> Page[RevisionRecord]: ...
    def revision(self, sha: str) -> RevisionRecord | None: ...
    def events(self, page: int, per_page: int) -> Page[Event]: ...
    def declared(self, source: str) -> Configuration:
        """What a source declares now: its inventory, as a configuration."""
        ...

    # credentials
    def principal(self, token_hash: str, as_of: datetime) -> Principal | None:
        """Whom a token belongs to; none when unknown, expired or revoked."""
        ...

    def registration(self, token_hash: str) -> tuple[str, EnrollmentStatus] | None:
        """The machine of an agent's token and its standing, waiting and rejected ones included."""
        ...

    def tokens(self) -> Sequence[TokenInfo]: ...
    def enrollment_keys(self) -> Sequence[EnrollmentKeyInfo]: ...
    def audit(self, page: int, per_page: int) -> Page[AuditEntry]: ...
    def audit_of(self, revision: str, limit: int = 500) -> Sequence[AuditEntry]:
        """What was done under one revision, in order."""
        ...

    def trail(self, object: str, limit: int) -> Sequence[AuditEntry]:
        """What was done to one object, such as ``policy/ID``, newest first."""
        ...

    # the outbox
    def next_notice(self, target: str) -> Notice | None:
        """The oldest message that waits for a target, whether or not it is due."""
        ...

    def notices(self, page: int, per_page: int, *, dead: bool) -> Page[Notice]:
        """Messages that wait, or that were given up; newest first."""
        ...

    def outbox_sizes(self) -> Mapping[str, tuple[int, int]]:
        """Target to how many messages wait and how many were given up."""
        ...

    def told_since(self) -> datetime | None:
        """Since when turns of machines and exceptions are told; none before it has begun."""
        ...

    def machine_turns(self, limit: int) -> Sequence[MachineTurn]:
        """Machines whose overall standing is not what was last told."""
        ...

    # verification
    def audit_head(self) -> AuditHead | None:
        """The end of the audit trail as kept beside it."""
        ...

    def audit_hash(self, number: int) -> str | None:
        """The stored hash of one row of the trail."""
        ...

    def verify_trail(self) -> Iterator[Finding]:
        """Follow the hash chain of the audit trail."""
        ...

    def verify_scores(self) -> Iterator[Finding]:
        """Judge every machine anew and count the fleet again."""
        ...


class Writing(Reading, Protocol):
    """One transaction; committed when its block ends, rolled back when it raises."""

    # configuration from git
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
        """Put a plan in force: objects, inventory, tombstones, positions, history, scores.

        Args:
            source: Whose plan it is.
            plan: As it was reviewed.
            settings: Of the repository at that revision.
            record: The revision's history row, result ``applied``.
            provenance: Path to the commit that last changed it.
            as_of: Now.
            links: Address of file and line at the host, by object.
            places: Where every declared object stands now; a line may have moved without a change.

        Returns:
            The new configuration epoch.

        Raises:
            ConflictError: When the objects stored are no longer those the plan was made against, or
                when the count read back is not the plan's.
        """
        ...

    def record_revision(self, record: RevisionRecord) -> None: ...
    def save_source(self, status: SourceStatus) -> None: ...
    def remove_source(self, name: str) -> None: ...
    def request_reconcile(self, source: str, actor: str, as_of: datetime) -> int: ...
    def add_event(self, event: Event) -> bool:
        """True when it is new; a repeated one only counts up."""
        ...

    def note_delivery(self, source: str, provider: str, id: str, as_of: datetime) -> bool:
        """Remember a webhook's delivery; false when it was taken before."""
        ...

    # the outbox
    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Say who is told from now on; messages to others are dropped."""
        ...

    def tell(self, event: Event, source: str = "") -> int:
        """Put a message for everybody who wants it into the outbox; how many it is for.

        Args:
            event: What happened.
            source: Whose commit it is about; empty when it is about none.
        """
        ...

    def notice_arrived(self, number: int) -> None: ...
    def notice_failed(
        self, number: int, error: str, *, next_at: datetime, dead_at: datetime | None
    ) -> None: ...
    def revive_notice(self, number: int, *, actor: str, as_of: datetime) -> bool:
        """Try a message again that was given up; false when there is none such."""
        ...

    def begin_telling(self, as_of: datetime) -> None:
        """Turns before this moment are not told."""
        ...

    def note_turns(self, turns: Sequence[MachineTurn]) -> None:
        """Remember what was told of machines."""
        ...

    def note_once(self, object: str, word: str) -> bool:
        """Remember that a word was said about an object; false when it was said before."""
        ...

    # configuration through the API
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
        """Create or replace an object for a principal.

        Returns:
            Whether anything changed.

        Raises:
            GitManagedError: Git declares the id or the name, or a git policy selects what an
                exception would touch and the settings say no.
            GitOnlyError: The settings allow no API writes.
            ConflictError: The id or name is taken, or ``expected_version`` is not the stored one
                (``PreconditionError`` semantics are the caller's: compare versions first).
            NotFoundError: Nothing to replace.
        """
        ...

    def delete_object(
        self,
        kind: Kind,
        id: str,
        *,
        actor: str,
        as_of: datetime,
        expected_version: int | None = None,
    ) -> None: ...
    def seed_checks(
        self, checks: Iterable[Check], *, actor: str, as_of: datetime
    ) -> tuple[int, int, int, tuple[str, ...]]:
        """Import built-in checks; created, updated, unchanged, and ids that git declares."""
        ...

    # time
    def pass_instant(self, as_of: datetime) -> int:
        """Judge again what an exception's start or end changes; how many exceptions flipped."""
        ...

    def continue_rescoring(self, as_of: datetime) -> bool:
        """Take one more chunk of a fleet-wide change; false when nothing is left to do."""
        ...

    def compact(self, as_of: datetime, keep: timedelta) -> bool:
        """Delete history older than ``keep``, for a portion of the machines; false when all are done.

        Once a day (UTC) every machine's turn comes. What is in force is never touched.
        """
        ...

    # machines
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

    # facts
    def record_reports(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        """Take reports, in order; one outcome each. Errors concern that report alone.

        An entry is an ``UnauthenticatedError`` when the token no longer speaks for the machine.
        """
        ...

    # credentials
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
    def add_audit(
        self,
        actor: str,
        action: str,
        object: str,
        as_of: datetime,
        *,
        revision: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None: ...


class Store(Protocol):
    """A place where one controller keeps its state."""

    def read(self) -> AbstractContextManager[Reading]: ...
    def write(self) -> AbstractContextManager[Writing]:
        """Begin a transaction.

        Raises:
            StoreUnavailableError: The store is locked or full.
            LeaseLostError: Another controller has taken the store over.
        """
        ...

    def take_over(self, holder: str, as_of: datetime) -> None:
        """Make this the one controller that writes; whoever did before can no longer.

        Args:
            holder: Who takes it, for people.
            as_of: Now.
        """
        ...

    def check_lease(self) -> None:
        """Raise LeaseLostError when another controller has taken the store over."""
        ...

    @property
    def lost(self) -> LeaseLostError | None:
        """What a write or ``check_lease`` has raised, once the store was taken over."""
        ...

    def integrity(self) -> list[str]:
        """What the database finds wrong with its own files; empty when nothing."""
        ...

    def change(self) -> int:
        """As ``Reading.change``, without opening a snapshot."""
        ...

    def bearer(self, token_hash: str, as_of: datetime) -> Principal | None:
        """As ``Reading.principal``, without opening a snapshot: quick enough for an event loop."""
        ...

    def ping(self) -> None:
        """Raise StoreError when the store cannot be read."""
        ...

    def close(self) -> None: ...
