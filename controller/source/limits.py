"""How much a repository may ask of this machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on every git process and on what is read. Times are in seconds."""

    ask_seconds: float = 30.0
    """Asking a remote for its head."""
    fetch_seconds: float = 600.0
    """One transfer, the first one included."""
    read_seconds: float = 60.0
    """One reading of the mirror: a listing, blobs, history."""
    file_bytes: int = 256 * 1024
    """One document; the reader of documents takes no more either."""
    total_bytes: int = 64 * 1024 * 1024
    """All documents of one revision."""
    files: int = 20_000
    """Documents in one revision."""
    listing_bytes: int = 64 * 1024 * 1024
    """The text of one listing: about 600,000 paths."""
    pack_bytes: int = 2 * 1024**3
    """The largest file that git may write into the mirror."""
    memory_bytes: int = 8 * 1024**3
    """Address space of one git process; packs are mapped into it."""
    commits: int = 200
    """Commits reported between two revisions."""
    walk_commits: int = 5_000
    """Commits looked at for the last change of each file."""
    signed_commits: int = 5_000
    """Commits whose signatures are verified between two revisions."""
