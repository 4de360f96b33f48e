"""The environment that git runs in: built from nothing, so that no one else's settings reach it. Pure.

Configuration goes through ``GIT_CONFIG_COUNT`` and never into a file made from data. A secret goes
that way too: bound by git to one address, and out of every argument list.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from controller.errors import SourceRefusedError
from controller.source.address import Address, Credential
from controller.source.keyring import Keyring
from controller.source.limits import Limits

_PASSED_ON: Final = (
    "PATH", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
)  # fmt: skip

_FIXED: Final[dict[str, str]] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.logAllRefUpdates": "false",
    # Blobs above this are streamed, never held in memory, and never diffed.
    "core.bigFileThreshold": "8m",
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "512m",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    # Harmless mistakes of old tools, found in many honest histories.
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    "fetch.fsck.zeroPaddedFilemode": "ignore",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "gc.autoDetach": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "100",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "protocol.allow": "never",
    "protocol.version": "2",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
    "transfer.fsckObjects": "true",
}


@dataclass(frozen=True, slots=True)
class Access:
    """What the operator set for reaching a repository. Paths are of files on this machine."""

    credential: Credential | None = field(default=None, repr=False)
    """Wins over one in the address; not sent where it does not apply."""
    ssh_key: str | None = None
    known_hosts: str | None = None
    ca_file: str | None = None
    """Certificates to trust for https beside, in place of, the system's."""


def git_environment(
    address: Address | None,
    *,
    inherited: Mapping[str, str],
    home: str,
    global_config: str,
    access: Access,
    limits: Limits,
) -> dict[str, str]:
    """Return the whole environment of a git process.

    Args:
        address: What it may talk to; ``None`` allows no transport at all.
        inherited: The controller's own environment, of which little is passed on.
        home: A folder without any settings: no ``.netrc``, no ``.gitconfig``.
        global_config: A file the controller wrote, or ``/dev/null``.
        access: How to reach the address.
        limits: Their ``ask_seconds`` also bound a silent connection.
    """
    protocol = address.kind if address is not None else ""
    environment = {name: inherited[name] for name in _PASSED_ON if name in inherited}
    environment |= {
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": global_config,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": _ssh_command(access, limits),
        "GIT_SSH_VARIANT": "ssh",
    }
    config = _FIXED | {"http.lowSpeedTime": str(max(1, int(limits.ask_seconds)))}
    if address is not None:
        config[f"protocol.{protocol}.allow"] = "always"
        config |= _web_settings(address, access)
    environment["GIT_CONFIG_COUNT"] = str(len(config))
    for number, (key, value) in enumerate(config.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment


def with_keys(environment: Mapping[str, str], keys: Keyring) -> dict[str, str]:
    """The environment of a git that verifies signatures by these keys, and by no others."""
    count = int(environment["GIT_CONFIG_COUNT"])
    return {
        **environment,
        "GNUPGHOME": str(keys.home),
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": "gpg.ssh.allowedSignersFile",
        f"GIT_CONFIG_VALUE_{count}": str(keys.signers),
    }


def global_config_text(safe_directories: tuple[str, ...]) -> str:
    """The one configuration file: which repositories of other users may be read.

    It must be a file, since the process that serves a local repository gets no configuration through
    its environment.
    """
    lines = ["[safe]"] if safe_directories else []
    for directory in safe_directories:
        if not directory.isprintable():
            raise SourceRefusedError("the repository's path has a control character or line break")
        quoted = directory.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'\tdirectory = "{quoted}"')
    return "\n".join(lines) + "\n"


def secrets_of(address: Address, access: Access) -> tuple[str, ...]:
    """Every spelling of a secret that must not appear in any text."""
    found: list[str] = []
    for credential in (address.credential, access.credential):
        if credential is not None and credential.secret:
            found += [credential.secret, _basic(credential)]
    return tuple(found)


def _web_settings(address: Address, access: Access) -> dict[str, str]:
    if address.kind not in {"https", "http"}:
        return {}
    settings = {} if access.ca_file is None else {"http.sslCAInfo": access.ca_file}
    credential = access.credential or address.credential
    if credential is not None and credential.applies_to(address):
        settings[f"http.{address.remote}.extraHeader"] = (
            f"Authorization: Basic {_basic(credential)}"
        )
    return settings


def _basic(credential: Credential) -> str:
    return base64.b64encode(f"{credential.username}:{credential.secret}".encode()).decode()


def _ssh_command(access: Access, limits: Limits) -> str:
    words = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oForwardAgent=no"]
    words += ["-oForwardX11=no", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes"]
    words += ["-oControlMaster=no", "-oControlPath=none", "-oServerAliveInterval=10"]
    words.append(f"-oConnectTimeout={max(1, int(limits.ask_seconds))}")
    if access.known_hosts is not None:
        words.append(f"-oUserKnownHostsFile={access.known_hosts}")
    if access.ssh_key is not None:
        words += ["-oIdentitiesOnly=yes", "-i", access.ssh_key]
    return " ".join(map(shlex.quote, words))
