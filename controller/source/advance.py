"""From one snapshot to the next in a single reading of the log, where commits simply follow. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

from controller.model.source import Commit
from controller.source import history, listing

MOST_COMMITS: Final = 200
"""More in a row are compared as a whole."""
_FACTS: Final = 7
"""The parents, then the fields of ``history.FIELDS``."""


class Advance(NamedTuple):
    """What commits in a row changed."""

    newest: Commit
    entries: Mapping[str, listing.Entry]
    """What each changed path is now."""
    changed: Mapping[str, Commit]
    """The commit that last changed each path."""


class Log:
    """One reading of the log: how to ask for it, and what it says."""

    def __init__(self) -> None:
        # Not to be guessed, so that no file's name can pass for a commit.
        self._mark = f"commit-{secrets.token_hex(8)}-"

    def options(self) -> tuple[str, ...]:
        """For ``git log``; the revisions are still to be named."""
        return (
            *("-z", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv"),
            *("--ignore-submodules=none", f"--max-count={MOST_COMMITS}"),
            f"--format=tformat:{self._mark}%P%x00{history.FIELDS}",
        )

    def advance(self, text: bytes, since: str, root: str) -> Advance | None:
        """What the log tells, newest first.

        Args:
            text: What git said.
            since: The commit that the oldest one must follow.
            root: Changed paths outside of this folder are left out, and told without it.

        Returns:
            None when a commit has several parents or none, or the row does not end at ``since``, or
            the root itself is no folder.
        """
        commits: list[Commit] = []
        entries: dict[str, listing.Entry] = {}
        changed: dict[str, Commit] = {}
        wanted = ""
        for parents, facts, records in self._parts(text):
            commit = history.commit_of(facts)
            if wanted not in {"", commit.sha} or len(parents) != 40:
                return None
            wanted = parents
            commits.append(commit)
            for entry in listing.parse_difference(records):
                if entry.path == root:
                    return None
                path = entry.path.removeprefix(f"{root}/") if root else entry.path
                if (path != entry.path or not root) and path not in entries:
                    entries[path] = listing.Entry(entry.mode, entry.blob, path)
                    changed[path] = commit
        return Advance(commits[0], entries, changed) if commits and wanted == since else None

    def _parts(self, text: bytes) -> list[tuple[str, list[bytes], bytes]]:
        """The parents, the fields and the listing of each commit."""
        mark = self._mark.encode("ascii")
        found = []
        for part in text.split(mark)[1:]:
            fields = part.split(b"\0", _FACTS)
            if len(fields) > _FACTS:
                parents, *facts, records = fields
                found.append((parents.decode("ascii", "replace"), facts, records.lstrip(b"\n")))
        return found
