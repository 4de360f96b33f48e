"""Whose signatures count: keys that the operator keeps outside of every repository."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

Mode = Literal["none", "head", "range"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
FORGE: Final = "forge:"
"""Before the name of a forge's key, where a person's name would stand."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What must be signed, and by whose keys."""

    mode: Mode = "none"
    """``head``: the commit that is applied. ``range``: every commit since the last verified one."""
    gpg_keyring: Path | None = None
    """OpenPGP public keys, armoured or not."""
    allowed_signers: Path | None = None
    """SSH keys in the form of ``ssh-keygen``'s allowed signers."""
    forge_keys: tuple[tuple[str, Path], ...] = ()
    """Name and public key of forges whose own signature (a merge button's) counts as a review."""

    def word(self) -> str:
        """The mode with a mark of the keys as they are now: a changed key is a changed setting."""
        if self.mode == "none":
            return "none"
        digest = hashlib.sha256()
        for name, path in self._files():
            digest.update(f"{name}\n".encode())
            try:
                digest.update(path.read_bytes())
            except OSError as error:
                digest.update(f"unreadable {error.errno}".encode())
        return f"{self.mode}:{digest.hexdigest()[:16]}"

    def _files(self) -> list[tuple[str, Path]]:
        own = (("gpg", self.gpg_keyring), ("ssh", self.allowed_signers))
        return [(name, path) for name, path in (*own, *self.forge_keys) if path is not None]


NO_TRUST: Final = Trust()
