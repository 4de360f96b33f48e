"""Bodies that are not documents: strict, with no room for unknown fields."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Header
from pydantic import BaseModel, ConfigDict, Field

from controller.model.documents import AgentUuids, Instant, Name, Slug, Tags
from controller.model.terms import Platform, Role
from controller.reconcile.preview import MAX_FILES, MOVERS

JsonObject = Annotated[dict[str, Any], Body()]
"""A document's fields; ``config`` checks them as it checks YAML."""
IfMatch = Annotated[str | None, Header(description="Refuse with 412 when the object has changed.")]
ShortText = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""One line without control characters: it ends up in logs and on screens."""
Hostname = Annotated[ShortText, Field(min_length=1)]
Reason = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"\S")]
Revision = Annotated[str, Field(min_length=1, max_length=300)]
FilePath = Annotated[str, Field(min_length=1, max_length=500)]
FileText = Annotated[str, Field(max_length=256 * 1024)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]


class Input(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Registration(Input):
    """What an agent says of its machine."""

    hostname: Hostname
    os: Platform
    arch: ShortText
    agent_version: ShortText
    os_version: ShortText = ""
    existing_uuid: Annotated[str, Field(max_length=64)] | None = None


class MachineTags(Input):
    """A machine's new tags, all of them; null or absent tags mean none."""

    tags: Tags | None = None


class Execution(Input):
    """Which machines should evaluate now; without a list, all that match."""

    agent_uuids: AgentUuids | None = None


class NewToken(Input):
    """A user token to make."""

    name: Name
    role: Role
    expires_at: Instant | None = None


class NewEnrollmentKey(Input):
    """An enrolment key to make."""

    name: ShortText = ""
    tags: Tags = ()
    uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    expires_at: Instant | None = None


class SourceChoice(Input):
    """Which source; without a name, the only one."""

    source: Slug | None = None


class Suspension(SourceChoice):
    """Why reconciling stops, and until when."""

    reason: Reason
    until: Instant | None = None


class Confirmation(SourceChoice):
    """The digest of the held plan."""

    digest: Digest


class PlanInput(SourceChoice):
    """What to compare; without a base, with what is in force."""

    base: Revision | None = None
    head: Revision | None = None
    files: Annotated[dict[FilePath, FileText | None], Field(max_length=MAX_FILES)] | None = None
    """Documents' paths to the text they would have; null deletes."""
    movers: Annotated[int, Field(ge=0, le=1_000_000)] | None = MOVERS
    """How many machines to name; null names all that change."""


class ProposalInput(SourceChoice):
    """A change for people to review; without a source, for the one that it fits."""

    patch: Annotated[str, Field(min_length=1, max_length=512 * 1024)]
    """A unified diff, such as the 409 of a refused write has in ``patch``."""
    title: Annotated[
        str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")
    ]
    """The commit's first line."""
