"""Where the secrets of webhooks come from. They are looked up for every delivery.

So a secret can be rotated without a restart: a file is read anew each time, and holds the new and the
old one while the host is being changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "GITWARD_WEBHOOK_SECRET"
_MOST: Final = 2
"""The new one and the old one."""


def secrets_of(source: str, environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """The secrets that are good for a source, at most two; empty closes its address.

    ``GITWARD_WEBHOOK_SECRET_NAME_FILE`` and ``GITWARD_WEBHOOK_SECRET_NAME`` are its own, where NAME is
    the source's name in capitals with underscores; ``GITWARD_WEBHOOK_SECRET_FILE`` and
    ``GITWARD_WEBHOOK_SECRET`` are for every source without its own. Several are separated by white
    space. A file that cannot be read gives none: what is unclear is closed.
    """
    own = f"{VARIABLE}_{source.upper().replace('-', '_')}"
    for name in (own, VARIABLE):
        if path := environment.get(f"{name}_FILE"):
            return _split(_read(Path(path)))
        # A source called "file" has no variable of its own: that name is taken.
        if name != f"{VARIABLE}_FILE" and (value := environment.get(name)):
            return _split(value.encode("utf-8", "surrogateescape"))
    return ()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:
        return b""


def _split(text: bytes) -> tuple[bytes, ...]:
    return tuple(text.split()[:_MOST])
