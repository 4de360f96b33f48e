"""Addresses of repositories, refs and paths inside them: what may be handed to git. Pure.

Everything is decided here, before git sees anything: git's own checks have been wrong before, and
its libraries' more often. A ``$`` is a letter like any other; nothing is ever expanded.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from controller.errors import SourceRefusedError

Kind = Literal["https", "http", "ssh", "file"]

_MAX_ADDRESS: Final = 2048
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?")
_LOGIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_SCP: Final = re.compile(r"(?:(?P<login>[^@/:]*)@)?(?P<host>[^@/:]+):(?P<path>.*)", re.DOTALL)
_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?P<mark>::|://)")
_REF: Final = re.compile(r"refs/(?:heads|tags)/[A-Za-z0-9._/-]{1,200}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret for one place, and for nothing else."""

    username: str
    secret: str = field(repr=False)
    scope: str
    """Scheme, host, port and path: the ``display`` form of the address it was given for."""

    def applies_to(self, address: Address) -> bool:
        """Whether the secret may be sent there: the same place, or a path below it."""
        return address.display == self.scope or address.display.startswith(
            self.scope.rstrip("/") + "/"
        )


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address."""

    kind: Kind
    remote: str
    """What git is given. It may hold an ssh login name, never a secret."""
    display: str
    """For people, logs and the store: without any user information."""
    host: str
    """Lower case; empty for a local path."""
    credential: Credential | None = None
    """From the address's user information, https and http only."""


def parse_address(text: str, *, allow_local: bool = False, base: str = "/") -> Address:
    """Check an address and take it apart.

    Args:
        text: https, ssh (URL or ``host:path``), http to this machine, a file URL or a path.
        allow_local: Whether file URLs and paths are accepted; only an operator's own setting says so.
        base: The absolute folder that relative paths start from.

    Raises:
        SourceRefusedError: The address is of a kind that the controller does not use. The message
            never repeats user information.
    """
    _refuse_odd_text(text)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _parse_url(text, scheme["scheme"].lower(), scheme["mark"], allow_local=allow_local)
    if not text.startswith(("/", ".")) and (scp := _SCP.fullmatch(text)) is not None:
        if scp["host"].lower() in {"https", "http", "ssh", "file", "git"}:
            raise SourceRefusedError("the address lacks '//' after its first colon")
        return _ssh(scp["login"], scp["host"], None, "/" + scp["path"], remote=text)
    return _local(posixpath.join(base, text), allow_local=allow_local)


def parse_ref(text: str) -> str:
    """Return the full name of a ref; a short name is a branch, ``HEAD`` the remote's own choice.

    Raises:
        SourceRefusedError: Not a name that is passed to git.
    """
    if text == "HEAD":
        return text
    full = text if text.startswith("refs/") else f"refs/heads/{text}"
    parts = full.split("/")
    if (
        _REF.fullmatch(full) is None
        or ".." in full
        or any(p.startswith((".", "-")) or p.endswith((".", ".lock")) or not p for p in parts)
    ):
        raise SourceRefusedError(
            f"the ref {_shown(text)} is not accepted; "
            "use a branch name, refs/heads/NAME, refs/tags/NAME or HEAD"
        )
    return full


def parse_path(text: str) -> str:
    """Return the folder inside the repository, empty for its root, without slashes at the ends.

    Raises:
        SourceRefusedError: Absolute, or with ``..``, a backslash, ``.git`` or a control character.
    """
    if text in {"", ".", "./"}:
        return ""
    parts = text.removeprefix("./").removesuffix("/").split("/")
    if (
        len(text) > 1024
        or "\\" in text
        or not text.isprintable()
        or not all(map(plain_part, parts))
    ):
        raise SourceRefusedError(
            f"the path {_shown(text)} is not accepted; "
            "name a folder inside the repository, such as security/policies"
        )
    return "/".join(parts)


def parse_name(text: str) -> str:
    """Return a source's name, which also names its folder on disk.

    Raises:
        SourceRefusedError: Not lower-case letters, digits and hyphens, or longer than 63.
    """
    if _NAME.fullmatch(text) is None:
        raise SourceRefusedError(
            f"the source name {_shown(text)} is not accepted; "
            "use lower-case letters, digits and hyphens, at most 63"
        )
    return text


def plain_part(part: str) -> bool:
    """Whether one component of a path names an ordinary file or folder on every system."""
    return part not in {"", ".", ".."} and part.rstrip(". ").lower() not in {".git", "git~1"}


def _refuse_odd_text(text: str) -> None:
    if not text or len(text) > _MAX_ADDRESS:
        raise SourceRefusedError(
            f"the address must have 1 to {_MAX_ADDRESS} characters, it has {len(text)}"
        )
    if text.startswith("-"):
        raise SourceRefusedError(
            "the address starts with a hyphen, as an option does; name a repository"
        )
    if not text.isprintable():
        raise SourceRefusedError("the address has a control character or line break; remove it")


def _parse_url(text: str, scheme: str, mark: str, *, allow_local: bool) -> Address:
    if mark == "::" or scheme not in {"https", "http", "ssh", "file"}:
        raise SourceRefusedError(
            f"addresses of the kind {scheme + mark!r} are not accepted; use https:// or ssh://"
        )
    if scheme == "file":
        if not text[len("file://") :].startswith("/"):
            raise SourceRefusedError("a file address names no host; write file:///PATH")
        return _local(unquote(text[len("file://") :]), allow_local=allow_local)
    if any(character in text for character in " \\?#"):
        raise SourceRefusedError(
            "the address has a space, backslash, '?' or '#'; remove or encode it"
        )
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise SourceRefusedError("the address has a malformed host or port") from error
    if scheme == "ssh":
        if parts.password is not None:
            raise SourceRefusedError("an ssh address must not hold a password; use a key")
        return _ssh(parts.username, host, port, parts.path)
    return _web(scheme, host, port, parts.path, parts.username, parts.password)


def _web(
    scheme: str, host: str, port: int | None, path: str, username: str | None, password: str | None
) -> Address:
    _check_host(host)
    if scheme == "http" and not _is_loopback(host):
        raise SourceRefusedError("http:// is accepted for this machine only; use https://")
    if not path.strip("/"):
        raise SourceRefusedError(f"the address names no repository on {host}")
    place = f"{scheme}://{_authority(host, port)}{path}"
    credential = None
    if username or password:
        # A lone user name is how forges take a token: the token is the user name.
        pair = (unquote(username or ""), unquote(password or ""))
        credential = Credential(*(pair if password else ("git", pair[0])), scope=place)
        if not (credential.username + credential.secret).isprintable():
            raise SourceRefusedError("the address's user information has a control character")
    return Address("https" if scheme == "https" else "http", place, place, host, credential)


def _ssh(
    login: str | None, host: str, port: int | None, path: str, remote: str | None = None
) -> Address:
    host = host.lower()
    _check_host(host)
    if login is not None and _LOGIN.fullmatch(login) is None:
        raise SourceRefusedError("the login name in the ssh address is not accepted")
    if path.lstrip("/").startswith("-") or not path.strip("/") or " " in path or "\\" in path:
        raise SourceRefusedError(f"the address names no acceptable repository on {host}")
    place = f"{_authority(host, port)}{path}"
    address = remote or f"ssh://{login + '@' if login else ''}{place}"
    return Address("ssh", address, f"ssh://{place}", host)


def _local(path: str, *, allow_local: bool) -> Address:
    if not allow_local:
        raise SourceRefusedError(
            "paths and file:// addresses need the operator's own word; give --repo on the command "
            "line, or set GITWARD_ALLOW_FILE_SOURCES=true"
        )
    if not path.isprintable():
        raise SourceRefusedError("the path has a control character or line break; remove it")
    absolute = posixpath.normpath("/" + path.lstrip("/"))
    return Address("file", absolute, absolute, "")


def _check_host(host: str) -> None:
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        if _HOST.fullmatch(host) is None or ".." in host:
            raise SourceRefusedError("the address's host name is not accepted") from None
        return
    # Metadata services of clouds live at link-local addresses; no repository does.
    if number.is_link_local or number.is_multicast or number.is_unspecified:
        raise SourceRefusedError(f"repositories at {host} are not accepted")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _authority(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "...")
