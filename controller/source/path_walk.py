"""Which commit last changed each of many paths, as one log says it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping


class PathWalk:
    """Listens to a log of changed paths until each one sought has been seen."""

    def __init__(self, sought: Mapping[str, str]) -> None:
        self.missing = dict(sought)
        self.found: dict[str, str] = {}
        # Not to be guessed, so that no file's name can pass for a commit.
        self.mark = f"commit-{secrets.token_hex(8)}-"
        self._start = self.mark.encode("ascii")
        self._rest = b""
        self._commit = ""

    def take(self, chunk: bytes) -> bool:
        *tokens, self._rest = (self._rest + chunk).split(b"\0")
        for token in tokens:
            if token.startswith(self._start):
                self._commit = token[len(self._start) :].decode("ascii")
                continue
            path = self.missing.pop(token.removeprefix(b"\n").decode("utf-8", "replace"), None)
            if path is not None:
                self.found[path] = self._commit
        return bool(self.missing)
