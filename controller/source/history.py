"""Commits as git prints them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from controller.model.source import Commit

FIELDS: Final = "%H%x00%an%x00%ae%x00%ct%x00%s%x00%(trailers:only,unfold)"
FORMAT: Final = f"--format=tformat:{FIELDS}"
"""With ``-z``: six fields a commit, each ended by NUL, which no field can hold."""

_FIELDS: Final = 6
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_LONGEST: Final = 1000
_MOST_TRAILERS: Final = 50


def parse_commits(text: bytes) -> Iterator[Commit]:
    """Read ``git log -z`` in ``FORMAT``."""
    fields = text.split(b"\0")
    for start in range(0, len(fields) - _FIELDS, _FIELDS):
        yield commit_of(fields[start : start + _FIELDS])


def commit_of(fields: Sequence[bytes]) -> Commit:
    """A commit from its six fields."""
    sha, author, email, at, subject, trailers = (
        field.decode("utf-8", "replace") for field in fields
    )
    return Commit(
        sha=sha,
        author=_plain(author),
        email=_plain(email),
        subject=_plain(subject),
        committed_at=_instant(at),
        trailers=tuple(_trailers(trailers)),
    )


def _trailers(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines()[:_MOST_TRAILERS]:
        key, colon, value = line.partition(":")
        if colon and key.strip():
            yield _plain(key.strip()), _plain(value.strip())


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])


def _instant(seconds: str) -> datetime:
    """Whoever commits chooses the date; one outside the calendar becomes its nearer end."""
    if re.fullmatch(r"-?[0-9]{1,30}", seconds) is None:
        return datetime.fromtimestamp(0, UTC)
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, OSError, ValueError):
        return _FIRST if seconds.startswith("-") else _LAST
