"""Real keys, made for one test: OpenPGP by gpg, SSH by ssh-keygen; and commits signed with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.reconcile.repository import Repository


@dataclass
class Signer:
    """Somebody with a key."""

    name: str
    public: Path
    """The file that an operator would name."""
    options: tuple[str, ...]
    """For git, before ``commit``."""

    def commit(
        self, repository: Repository, files: dict[str, str | None], message: str = "change"
    ) -> str:
        repository.write(files)
        repository.git("add", "--all")
        repository.git(*self.options, "commit", "-S", "--quiet", "--allow-empty", "-m", message)
        return repository.head


def ssh_signer(folder: Path, name: str, *, options: str = "") -> Signer:
    key = folder / f"{name}-key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True
    )
    public = folder / f"{name}.allowed"
    text = key.with_suffix(".pub").read_text().strip()
    public.write_text(f'{name}@example.com {options}namespaces="git" {text}\n')
    return Signer(name, public, ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}"))


class Gpg:
    """A key holder's own GnuPG, in a folder with a short name: sockets live there."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._home = home
        self._folder = folder

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["gpg", "--homedir", str(self._home), "--batch", "--no-tty", *arguments],
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout

    def signer(self, name: str, *, expires: str = "never", at: str = "") -> Signer:
        """Make a key.

        Args:
            name: Of its owner.
            expires: ``1d``, ``never``.
            at: When it is made and used, ``20200101T000000``; now without it.
        """
        clock = ("--faked-system-time", f"{at}!") if at else ()
        user = f"{name} <{name}@example.com>"
        self._run(
            *clock, "--pinentry-mode", "loopback", "--passphrase", "",
            "--quick-generate-key", user, "ed25519", "sign", expires,
        )  # fmt: skip
        public = self._folder / f"{name}.asc"
        public.write_text(self._run("--armor", "--export", f"{name}@example.com"))
        program = self._folder / f"{name}-gpg"
        program.write_text(f'#!/bin/sh\nexec gpg --homedir "{self._home}" {" ".join(clock)} "$@"\n')
        program.chmod(0o755)
        options = ("-c", f"gpg.program={program}", "-c", f"user.signingKey={name}@example.com")
        return Signer(name, public, options)

    def revoke(self, signer: Signer) -> None:
        """Put the key's revocation into its public file."""
        listed = self._run("--with-colons", "--list-keys", f"{signer.name}@example.com")
        fingerprint = next(
            line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")
        )
        certificate = self._home / "openpgp-revocs.d" / f"{fingerprint}.rev"
        text = certificate.read_text().replace(":-----BEGIN", "-----BEGIN")
        subprocess.run(
            ["gpg", "--homedir", str(self._home), "--batch", "--import"],
            input=text,
            text=True,
            capture_output=True,
            check=True,
        )
        signer.public.write_text(self._run("--armor", "--export", f"{signer.name}@example.com"))


@contextmanager
def gpg(folder: Path) -> Iterator[Gpg]:
    home = Path(tempfile.mkdtemp(prefix="gw-gpg-"))
    try:
        yield Gpg(home, folder)
    finally:
        subprocess.run(
            ["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, env=os.environ
        )
        shutil.rmtree(home, ignore_errors=True)
