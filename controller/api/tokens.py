"""Bearer tokens: made here, shown once, known afterwards by their SHA-256 alone."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal

from controller.model.token import hash_token
from controller.store.port.credentials import Principal

__all__ = ["hash_token"]
Prefix = Literal["gwu_", "gwa_", "gwe_"]
USER: Final[Prefix] = "gwu_"
AGENT: Final[Prefix] = "gwa_"
ENROLLMENT: Final[Prefix] = "gwe_"
_MAX_LENGTH: Final = 512
_CAPACITY: Final = 200_000


def new_token(prefix: Prefix) -> str:
    """A fresh secret of 256 bits; the prefix lets secret scanners recognise it."""
    return prefix + secrets.token_urlsafe(32)


def bearer_hash(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The hash of the request's bearer token; none when there is no usable one."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token or len(token) > _MAX_LENGTH:
        return None
    return hashlib.sha256(token).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """A token that was valid when last asked; a hint for counting and routing, never a permission."""

    machine_uuid: str | None
    """None for a person's token."""


class KnownTokens:
    """Hashes seen valid before, bounded. Whether one still is, the store says at every request."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = Lock()

    def get(self, hash_: str) -> Known | None:
        with self._lock:
            found = self._known.get(hash_)
            if found is not None:
                self._known.move_to_end(hash_)
            return found

    def remember(self, hash_: str, principal: Principal) -> Known:
        known = Known(principal.machine_uuid)
        with self._lock:
            self._known[hash_] = known
            self._known.move_to_end(hash_)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return known

    def forget(self, hash_: str) -> None:
        with self._lock:
            self._known.pop(hash_, None)
