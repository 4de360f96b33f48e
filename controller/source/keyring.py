"""A folder of public keys for one verification, made from the operator's files and thrown away after.

Nothing of the user's own keyring is looked at, nothing is fetched from a key server, and no agent is
started: the folder holds what the operator named and a configuration that says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from controller.errors import VerificationFailedError
from controller.source.process import converse
from controller.source.trust import FORGE, Trust

_GPG_CONF: Final = """\
batch
no-tty
trust-model always
no-auto-key-retrieve
no-auto-key-import
no-auto-check-trustdb
auto-key-locate clear
no-autostart
no-default-keyring
keyring ring.gpg
"""
_SECONDS: Final = 30.0
_MAX_BYTES: Final = 16 * 1024 * 1024
_VALID_BEFORE: Final = re.compile(r'valid-before="?([0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?)(Z?)"?')
_ARMOUR: Final = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n"
    rb"([A-Za-z0-9+/=\s]*)-----END PGP PUBLIC KEY BLOCK-----"
)
_CHECKSUM: Final = re.compile(rb"\r?\n=[A-Za-z0-9+/]{4}\s*$")
_KEY: Final = re.compile(r"(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ +([A-Za-z0-9+/=]+)")


@dataclass(slots=True)
class Keyring:
    """Keys ready for git to verify with."""

    home: Path
    """For GNUPGHOME."""
    signers: Path
    """For ``gpg.ssh.allowedSignersFile``."""
    forges: dict[str, str] = field(default_factory=dict)
    """Fingerprint to the forge's name."""
    expired: set[str] = field(default_factory=set)
    """Fingerprints of SSH keys whose time is over."""


@contextmanager
def keyring(trust: Trust, beside: Path, as_of: datetime, path: str) -> Iterator[Keyring]:
    """Make the keys ready.

    Args:
        trust: Which files.
        beside: An existing folder to make the temporary one in.
        as_of: Now: an SSH key whose ``valid-before`` is over signs nothing any more, whatever date its
            holder writes into a commit.
        path: Where ``gpg`` is looked for, as ``PATH``.

    Raises:
        VerificationFailedError: A file cannot be read or holds no key.
    """
    with tempfile.TemporaryDirectory(prefix="keys-", dir=beside) as folder:
        made = Keyring(Path(folder), Path(folder) / "allowed_signers")
        (made.home / "gpg.conf").write_text(_GPG_CONF)
        (made.home / "ring.gpg").touch()
        lines: list[str] = []
        if trust.gpg_keyring is not None:
            _import(made, trust.gpg_keyring, path)
        if trust.allowed_signers is not None:
            lines += _text(trust.allowed_signers).splitlines()
        for name, file in trust.forge_keys:
            if _is_ssh(file):
                lines += [f'{FORGE}{name} namespaces="git" {key}' for key in _ssh_keys(file)]
            else:
                made.forges.update(dict.fromkeys(_import(made, file, path), name))
        made.signers.write_text("\n".join(_current(lines, made, as_of)) + "\n")
        yield made


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise VerificationFailedError(
            f"the keys in {path} cannot be read ({error.strerror}); until they can, nothing counts as "
            "signed"
        ) from error


def _is_ssh(path: Path) -> bool:
    return _KEY.search(_text(path)) is not None


def _ssh_keys(path: Path) -> list[str]:
    return [match[0] for line in _text(path).splitlines() if (match := _KEY.search(line))]


def _current(lines: list[str], made: Keyring, as_of: datetime) -> Iterator[str]:
    """Only the lines whose time is not over."""
    for line in lines:
        ends = _VALID_BEFORE.search(line)
        if ends is None or as_of < _instant(ends[1], utc=ends[2] == "Z"):
            yield line
        elif key := _KEY.search(line):
            made.expired.add(_fingerprint(key[1]))


def _instant(digits: str, *, utc: bool) -> datetime:
    padded = digits.ljust(14, "0")
    try:
        found = datetime.strptime(padded, "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone is set below
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)  # no such date: over
    return found.replace(tzinfo=UTC) if utc else found.astimezone()


def _fingerprint(key: str) -> str:
    try:
        blob = base64.b64decode(key)
    except (binascii.Error, ValueError):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _import(made: Keyring, file: Path, path: str) -> list[str]:
    """Take OpenPGP keys in; the fingerprints of all of them and of their subkeys.

    They are laid side by side as a keyring; an import would look for an agent, and cannot where the
    folder's name is long.
    """
    keys = _unarmoured(_bytes(file))
    listed = _listed(made, file, path, keys) if keys else ""
    found = [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")]
    if not found:
        raise VerificationFailedError(f"there is no public key in {file}; export one into it")
    with (made.home / "ring.gpg").open("ab") as ring:
        ring.write(keys)
    return found


def _listed(made: Keyring, file: Path, path: str, keys: bytes) -> str:
    # Under "always" gpg 2.2 fails on an expired key while there is no trust database; this makes one.
    model = ("--trust-model", "pgp")
    return _gpg(made, file, path, keys, *model, "--show-keys", "--with-colons")


def _unarmoured(content: bytes) -> bytes:
    """The keys' packets; text around armoured blocks is no part of them."""
    blocks = _ARMOUR.findall(content)
    if not blocks:
        return b"" if content.strip().startswith(b"-----") else content
    try:
        return b"".join(base64.b64decode(_CHECKSUM.sub(b"", block)) for block in blocks)
    except binascii.Error:
        return b""


def _gpg(made: Keyring, file: Path, path: str, stdin: bytes, *arguments: str) -> str:
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed list and a folder of our own
            ["gpg", "--homedir", str(made.home), *arguments],  # noqa: S607 - as git looks for it
            env={"PATH": path, "LC_ALL": "C", "HOME": str(made.home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise VerificationFailedError(
            f"gpg could not be started ({error.strerror}); install GnuPG to verify OpenPGP signatures"
        ) from error
    said = converse(
        process, stdin, seconds=_SECONDS, max_output=_MAX_BYTES, cancel=threading.Event()
    )
    if said.cut_short or process.returncode != 0:
        why = said.err.decode("utf-8", "replace").strip().splitlines()
        raise VerificationFailedError(
            f"gpg does not take the keys in {file}: {why[0][:200] if why else 'it did not end'}"
        )
    return said.out.decode("utf-8", "replace")
