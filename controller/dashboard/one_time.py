"""Sign-in links for the person who starts a controller: good once, for ten minutes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from controller.model.token import hash_token
from controller.store.port.store import Store

LIFETIME: Final = timedelta(minutes=10)
SESSION: Final = timedelta(hours=12)
NAME: Final = "browser of this machine"
"""How the tokens made for such a link begin."""


class OneTimeCodes:
    """Codes that are out, in memory only: a restart voids them. Safe to call from any thread."""

    def __init__(self) -> None:
        self._codes: dict[str, datetime] = {}
        self._lock = Lock()

    def issue(self, as_of: datetime) -> str:
        """A fresh code."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[hash_token(code)] = as_of + LIFETIME
        return code

    def redeem(self, code: str, as_of: datetime) -> bool:
        """Use a code up; false when it is unknown, used or too old."""
        with self._lock:
            ends = self._codes.pop(hash_token(code), None)
        return ends is not None and as_of < ends


def local_token(store: Store, as_of: datetime) -> str:
    """A token for a browser on the controller's own machine.

    Whoever got the code reads the terminal of the controller, and could make any token there.
    """
    token = "gwu_" + secrets.token_urlsafe(32)
    id_ = secrets.token_hex(8)
    with store.write() as writing:
        writing.add_token(
            id_,
            f"{NAME} {id_[:6]}",
            "admin",
            hash_token(token),
            actor="gitward serve",
            as_of=as_of,
            expires_at=as_of + SESSION,
        )
    return token
