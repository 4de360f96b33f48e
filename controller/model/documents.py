"""The documents of a configuration repository, as frozen types. Pure.

Field names are the same in YAML, in HTTP bodies and here (docs/reference/documents.md). Shape only:
what needs more than one field of one document to judge is in ``config/rules``. A reviewed exception
document is a ``Waiver`` in Python, since an exception is an error here.

Annotations are evaluated at once here: pydantic would compile each of their texts at every start.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from controller.model.terms import (
    OPERATOR_ALIASES,
    CheckType,
    CisLevel,
    ErrorHandling,
    Operator,
    Platform,
    ScheduleType,
    Scope,
    Severity,
    TargetOs,
    WaiverCategory,
)

_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_DATE: Final = b"0000-00-00"
_TIMES: Final = frozenset(
    b"%s%s00:00:00%s%s" % (_DATE, between, b"." * (digits > 0) + b"0" * digits, zone)
    for between in (b"T", b"t", b" ")
    for digits in range(7)
    for zone in (b"Z", b"z", b"+00:00", b"-00:00")
)
"""What a time looks like with every digit a nought: looked up in a third of what a pattern takes."""


def parse_instant(value: object) -> object:
    """Read a date (its 00:00:00Z) or an RFC 3339 time with offset; anything else is refused.

    Raises:
        ValueError: With what to write instead.
    """
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, str):
        shape = value.encode(errors="replace").translate(_DIGITS)
        if shape in _TIMES:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        if shape == _DATE:
            day = date.fromisoformat(value)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
    raise ValueError("expected a date (2027-01-31) or a time with offset (2027-01-31T12:00:00Z)")


def _normalise_operator(value: object) -> object:
    return OPERATOR_ALIASES.get(value, value) if isinstance(value, str) else value


def _not_blank(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be blank")
    return value


SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
CHECK_ID_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,99}$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

Slug = Annotated[str, Field(pattern=SLUG_PATTERN)]
CheckId = Annotated[str, Field(pattern=CHECK_ID_PATTERN)]
CheckGlob = Annotated[str, Field(pattern=r"^[a-z0-9*?\[\]!-]{1,100}$")]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$")]
AgentUuid = Annotated[str, Field(pattern=UUID_PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_not_blank)]
Text = Annotated[str, Field(max_length=10_000)]
Line = Annotated[str, Field(max_length=500)]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]


Tags = Annotated[tuple[Tag, ...], Field(strict=False, max_length=1_000)]
CheckGlobs = Annotated[tuple[CheckGlob, ...], Field(strict=False, max_length=1_000)]
CheckIds = Annotated[tuple[CheckId, ...], Field(strict=False, max_length=1_000)]
AgentUuids = Annotated[tuple[AgentUuid, ...], Field(strict=False, max_length=10_000)]
Lines = Annotated[tuple[Line, ...], Field(strict=False, max_length=100)]
Texts = Annotated[tuple[Text, ...], Field(strict=False, max_length=50)]
# ``strict=False`` on the sequence only: strict mode would refuse a YAML or JSON list for a tuple.
# Maps have a factory: of a map as the default each document would get a deep copy.


class Document(BaseModel):  # noqa: PLW1641 - pydantic gives what is frozen its hash
    """Strict, frozen, and without room for fields nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def __eq__(self, other: object) -> bool:
        """As pydantic's own for what has fields and nothing else, several times as fast."""
        if self.__class__ is not other.__class__:
            return NotImplemented
        return self is other or self.__dict__ == other.__dict__


class Policy(Document):
    """Which checks run on which machines, how often, and what score passes."""

    id: Slug
    name: Name
    description: Text = ""
    enabled: bool = True
    cis_level: CisLevel
    target_os: TargetOs
    target_tags: Tags = ()
    schedule_type: ScheduleType = "continuous"
    check_interval_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    schedule: Line | None = None
    timezone: Line = "UTC"
    passing_score_threshold: Annotated[
        float, Field(ge=0, le=100, allow_inf_nan=False, validate_default=True)
    ] = 80
    include_checks: CheckGlobs = ()
    exclude_checks: CheckGlobs = ()
    severity_overrides: dict[CheckId, Severity] = Field(
        default_factory=dict, json_schema_extra={"default": {}}
    )
    error_handling: ErrorHandling = "count"
    protect: bool = False


class Remediation(Document):
    """How a person puts it right; ``command`` is shown, never run."""

    steps: Texts = ()
    command: Text = ""


class Check(Document):
    """One fact to look for on a machine, and what it should be."""

    id: CheckId
    cis_id: Line | None = None
    title: Name
    category: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    severity: Severity
    cis_level: CisLevel
    platforms: Annotated[tuple[Platform, ...], Field(strict=False, min_length=1, max_length=3)]
    description: Text
    impact: Text = ""
    check_type: CheckType = "osquery"
    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    comparison_operator: Annotated[Operator, BeforeValidator(_normalise_operator)] = "equals"
    expected_result: dict[Line, Line] | Line | None = None
    applies_when: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    remediation: Remediation = Remediation()
    references: Lines = ()
    frameworks: dict[Line, Lines] = Field(default_factory=dict, json_schema_extra={"default": {}})


class Catalog(Document):
    """A file of checks."""

    catalog: Slug
    title: Name
    description: Text = ""
    checks: Annotated[tuple[Check, ...], Field(strict=False, min_length=1, max_length=5_000)]


class Waiver(Document):
    """A reviewed exception: these checks are left out of the score, there, for that long."""

    id: Slug
    check_id: CheckId | None = None
    check_ids: CheckIds = ()
    scope: Scope
    agent_uuid: AgentUuid | None = None
    agent_uuids: AgentUuids = ()
    tag: Tag | None = None
    policy_id: Slug | None = None
    reason: Annotated[str, Field(min_length=10, max_length=2_000), BeforeValidator(_not_blank)]
    starts_at: Instant | None = None
    expires_at: Instant | None = None
    category: WaiverCategory = "waiver"
    owner: Line | None = None
    ticket: Line | None = None
    requested_by: Line | None = None
    approved_by: Lines = ()

    @property
    def checks(self) -> tuple[str, ...]:
        """The check ids it names, by either field."""
        return (self.check_id,) if self.check_id is not None else self.check_ids

    @property
    def agents(self) -> tuple[str, ...]:
        """The machine ids it names, by either field; empty unless the scope is ``agent``."""
        return (self.agent_uuid,) if self.agent_uuid is not None else self.agent_uuids


class ExceptionSettings(Document):
    """What the repository demands of its exceptions."""

    require_expiry: bool = True
    max_days: Annotated[int, Field(ge=1, le=3_650)] = 365
    warn_days: Annotated[int, Field(ge=0, le=365)] = 30
    require_owner: bool = False
    require_ticket: bool = False


class PruneSettings(Document):
    """How much one commit may delete before a person is asked."""

    max_percent: Annotated[int, Field(ge=0, le=100)] = 20
    max_count: Annotated[int, Field(ge=0, le=100_000)] = 5


class RepositorySettings(Document):
    """``gitward.yaml``."""

    exceptions: ExceptionSettings = ExceptionSettings()
    builtin_checks: bool = False
    api_writes: Literal["allow", "deny"] = "allow"
    api_exceptions: Literal["allow", "deny"] = "deny"
    prune: PruneSettings = PruneSettings()
    slimrmm_agents: bool = True
    """Whether SlimRMM's own agents report here, so that what they refuse is worth a warning."""


def strictest(settings: Iterable[RepositorySettings]) -> RepositorySettings:
    """What several repositories together demand of writes through the API: each may only tighten."""
    several = list(settings)
    if len(several) == 1:
        return several[0]
    exceptions = [each.exceptions for each in several]
    if not several:
        return RepositorySettings()
    return RepositorySettings(
        exceptions=ExceptionSettings(
            require_expiry=any(each.require_expiry for each in exceptions),
            max_days=min(each.max_days for each in exceptions),
            warn_days=max(each.warn_days for each in exceptions),
            require_owner=any(each.require_owner for each in exceptions),
            require_ticket=any(each.require_ticket for each in exceptions),
        ),
        builtin_checks=any(each.builtin_checks for each in several),
        api_writes="deny" if any(each.api_writes == "deny" for each in several) else "allow",
        api_exceptions=(
            "allow" if all(each.api_exceptions == "allow" for each in several) else "deny"
        ),
        prune=PruneSettings(
            max_percent=min(each.prune.max_percent for each in several),
            max_count=min(each.prune.max_count for each in several),
        ),
        slimrmm_agents=any(each.slimrmm_agents for each in several),
    )


AnyDocument = Policy | Check | Waiver
