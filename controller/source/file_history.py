"""What files were at the commits that changed them, from one walk of the history. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

_NOTHING: Final = "0" * 40


class FileHistory:
    """Listens to ``git log -z -c --raw --no-abbrev --no-renames``, newest commit first."""

    def __init__(self, sought: Mapping[str, str], most: int) -> None:
        """Prepare.

        Args:
            sought: Full path to the name under which it is asked for.
            most: Versions of each path that are wanted; the newest ones.
        """
        self._sought = sought
        self._most = most
        self.found: dict[str, list[tuple[str, str]]] = {name: [] for name in sought.values()}
        """By name, commit and blob, newest first; commits that removed the file are left out."""
        # Not to be guessed, so that no file's name can pass for a commit.
        self.mark = f"commit-{secrets.token_hex(8)}-"
        self._start = self.mark.encode("ascii")
        self._rest = b""
        self._commit = ""
        self._blob: str | None = None
        self._missing = len(self.found)

    @property
    def paths(self) -> Iterable[str]:
        """What is sought, from the top of the repository."""
        return self._sought

    def take(self, chunk: bytes) -> bool:
        """Read on; false when nothing is wanted any more."""
        *tokens, self._rest = (self._rest + chunk).split(b"\0")
        for token in tokens:
            if self._blob is not None:
                self._note(token.decode("utf-8", "replace"), self._blob)
                self._blob = None
            elif (plain := token.lstrip(b"\n")).startswith(self._start):
                self._commit = plain[len(self._start) :].decode("ascii")
            elif plain.startswith(b":"):
                # Modes, then blobs, the new one last, then a letter for each parent.
                self._blob = plain.decode("ascii", "replace").split(" ")[-2]
        return self._missing > 0

    def _note(self, path: str, blob: str) -> None:
        name = self._sought.get(path)
        if name is None or blob == _NOTHING:
            return
        versions = self.found[name]
        if len(versions) < self._most:
            versions.append((self._commit, blob))
            self._missing -= len(versions) == self._most
