"""What an operator writes into files outside every repository: sources, and whom to tell. Pure.

Secrets are never in these files: they name an environment variable or a file that holds one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from controller.model.documents import Document, Line, Slug, Tags
from controller.model.terms import Kind

PathText = Annotated[str, Field(min_length=1, max_length=4_096)]
VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$", max_length=2_048)]
EventReason = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{0,62}$")]


class SourceLimit(Document):
    """What a source may declare; empty lists are no limit."""

    kinds: Annotated[tuple[Kind, ...], Field(strict=False, max_length=3)] = ()
    tags: Tags = ()
    """Machines with one of these tags are all that its policies and exceptions may concern."""

    def __bool__(self) -> bool:
        return bool(self.kinds or self.tags)

    def __str__(self) -> str:
        kinds, tags = ", ".join(self.kinds), ", ".join(self.tags)
        told = ([f"kinds {kinds}"] if kinds else []) + ([f"tags {tags}"] if tags else [])
        return "; ".join(told)


class DeclaredSource(Document):
    """One repository or path to take configuration from."""

    name: Slug
    repo: PathText
    ref: Line = "main"
    path: Line = ""
    poll_interval: Annotated[int, Field(ge=10, le=86_400)] | None = None
    """Seconds; the controller's own without it."""
    user: Line = "git"
    token_env: VariableName | None = None
    token_file: PathText | None = None
    ssh_key: PathText | None = None
    ssh_known_hosts: PathText | None = None
    verify: Literal["none", "head", "range"] = "none"
    gpg_keyring: PathText | None = None
    allowed_signers: PathText | None = None
    forge_keys: dict[Slug, PathText] = Field(default_factory=dict)
    limit: SourceLimit = SourceLimit()


class SourcesFile(Document):
    """``--sources FILE``."""

    sources: Annotated[
        tuple[DeclaredSource, ...], Field(strict=False, min_length=1, max_length=100)
    ]


class Target(Document):
    """Somebody to tell."""

    name: Slug
    type: Literal["webhook", "slack", "github", "gitlab", "gitea"]
    url: Url
    """Of a forge: its API, such as ``https://api.github.com``."""
    reasons: Annotated[tuple[EventReason, ...], Field(strict=False, max_length=100)] = ()
    """Only events with these reasons; all of them without any."""
    sources: Annotated[tuple[Slug, ...], Field(strict=False, max_length=100)] = ()
    """Only events of these sources and of what they declare; of a forge: whose commits."""
    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,200}$")] | None = None
    """Of a forge: ``OWNER/NAME``."""
    context: Line = "gitward"
    """Of a forge: the status's name."""
    secret_env: VariableName | None = None
    """Holds the key that signs a webhook, or a forge's token."""
    secret_file: PathText | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Target:
        if self.is_forge and self.repository is None:
            raise ValueError("a forge's target needs 'repository: OWNER/NAME'")
        if self.is_forge and not (self.secret_env or self.secret_file):
            raise ValueError("a forge's target needs its token: secret_env or secret_file")
        if self.secret_env and self.secret_file:
            raise ValueError("secret_env and secret_file are one too many; remove one")
        return self

    @property
    def is_forge(self) -> bool:
        """Whether it takes commit statuses."""
        return self.type in {"github", "gitlab", "gitea"}


class NotificationsFile(Document):
    """``--notifications FILE``."""

    targets: Annotated[tuple[Target, ...], Field(strict=False, min_length=1, max_length=100)]
