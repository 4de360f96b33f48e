"""Environment and flags, turned into one frozen value."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controller.errors import UsageError
from controller.model.operator import DeclaredSource, Target

MIN_POLL: Final = 10
"""Seconds; remotes are not asked more often by the clock alone (docs/concepts/reconciling.md)."""
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """What has no flag: secrets, and switches that belong to the host."""

    allow_file_sources: bool = False
    agent_poll: int = 60
    """Seconds after which agents ask for work again."""
    keep_days: int = 400
    """How long history is kept: outcomes, score changes, fleet-wide changes, events."""
    proposals: bool = False
    """Whether refused writes may be pushed as branches; the git credential must allow it."""
    user_requests_per_minute: int = 600
    """For each user token."""
    address_requests_per_minute: int = 60
    """For each address without a valid token."""
    git_token: str | None = field(default=None, repr=False)
    """For https repositories."""
    git_user: str = "git"
    ssh_key: Path | None = None
    ssh_known_hosts: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a controller runs."""

    data: Path
    host: str
    port: int
    poll_interval: int
    """Seconds between polls of the repository."""
    working_tree: bool
    local_agent: bool
    allow_local: bool
    """Whether paths and ``file://`` are accepted as repositories."""
    tls_cert: Path | None
    tls_key: Path | None
    sources: tuple[DeclaredSource, ...]
    """One for ``--repo``, or those of ``--sources``."""
    targets: tuple[Target, ...]
    """Whom to tell."""
    operator: OperatorSettings

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the controller."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def scheme(self) -> str:
        """``https`` when a certificate is given."""
        return "https" if self.tls_cert else "http"


def from_environment(environment: Mapping[str, str] = os.environ) -> OperatorSettings:
    """The settings that have no flag.

    Raises:
        UsageError: A value that cannot be meant.
    """
    key = environment.get("GITWARD_SSH_KEY")
    hosts = environment.get("GITWARD_SSH_KNOWN_HOSTS")
    return OperatorSettings(
        allow_file_sources=environment.get("GITWARD_ALLOW_FILE_SOURCES", "").lower() in _TRUE,
        proposals=environment.get("GITWARD_PROPOSALS", "").lower() in _TRUE,
        agent_poll=_number(environment, "GITWARD_AGENT_POLL", 60, 5, 3600),
        keep_days=_number(environment, "GITWARD_KEEP_DAYS", 400, 7, 36_500),
        user_requests_per_minute=_number(
            environment, "GITWARD_USER_REQUESTS_PER_MINUTE", 600, 1, 1_000_000
        ),
        address_requests_per_minute=_number(
            environment, "GITWARD_ADDRESS_REQUESTS_PER_MINUTE", 60, 1, 1_000_000
        ),
        git_token=environment.get("GITWARD_GIT_TOKEN") or None,
        git_user=environment.get("GITWARD_GIT_USER", "git"),
        ssh_key=Path(key) if key else None,
        ssh_known_hosts=Path(hosts) if hosts else None,
    )


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise UsageError(f"{name} is {text!r}; expected a number, {least} to {most}")
    return int(text)


def check(settings: Settings) -> Settings:
    """Refuse settings that do not go together.

    Raises:
        UsageError: With what to change.
    """
    if settings.poll_interval < MIN_POLL:
        raise UsageError(
            f"--poll-interval is {settings.poll_interval}; at least {MIN_POLL} seconds"
        )
    if not 0 <= settings.port <= 65_535:
        raise UsageError(f"--port is {settings.port}; expected 0 to 65535")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together; give both")
    for flag, file in (("--tls-cert", settings.tls_cert), ("--tls-key", settings.tls_key)):
        if file is not None and not file.is_file():
            raise UsageError(f"{flag}: there is no file {file}")
    if settings.working_tree and not Path(settings.sources[0].repo).is_dir():
        raise UsageError(f"--working-tree needs a folder; {settings.sources[0].repo!r} is none")
    for source in settings.sources:
        _check_source(source)
    return settings


def _check_source(source: DeclaredSource) -> None:
    keys = [source.gpg_keyring, source.allowed_signers, *source.forge_keys.values()]
    named = [Path(each) for each in keys if each is not None]
    if source.verify != "none" and not named:
        raise UsageError(
            f"source {source.name}: to verify signatures, name whose count: allowed signers, a GPG "
            "keyring or a forge's key"
        )
    if source.verify == "none" and named:
        raise UsageError(
            f"source {source.name}: keys are named, but verify is none; set head or range"
        )
    for file in (*named, *(Path(each) for each in (source.token_file, source.ssh_key) if each)):
        if not file.is_file():
            raise UsageError(f"source {source.name}: there is no file {file}")
    if source.token_env and source.token_file:
        raise UsageError(f"source {source.name}: token_env and token_file; remove one")
