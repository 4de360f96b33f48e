"""How many requests a caller may make: fixed windows in memory, counted before anything is checked.

The key of a caller without a valid token is the address of its socket, never a header: a header can
be made up (T51). The table is bounded, so that a million addresses cost no more than ten thousand.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import Final

WINDOW_SECONDS: Final = 60.0
CAPACITY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a caller stands in the present window."""

    limit: int
    used: int
    resets_in: int
    """Whole seconds until the window ends, at least 1."""

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit


class RateLimiter:
    """Counts by key. Safe to call from several threads."""

    def __init__(self, monotonic: Callable[[], float], capacity: int = CAPACITY) -> None:
        self._monotonic = monotonic
        self._capacity = capacity
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def charge(self, key: str, limit: int) -> Allowance:
        """Count one request; the caller refuses it when the allowance is exceeded."""
        return self._count(key, limit, 1)

    def refund(self, key: str, limit: int) -> Allowance:
        """Take back one request that turned out to be somebody else's or free."""
        return self._count(key, limit, -1)

    def _count(self, key: str, limit: int, by: int) -> Allowance:
        now = self._monotonic()
        with self._lock:
            started, used = self._windows.pop(key, (now, 0))
            if now - started >= WINDOW_SECONDS:
                started, used = now, 0
            used = max(0, used + by)
            self._windows[key] = (started, used)
            if len(self._windows) > self._capacity:
                self._windows.popitem(last=False)
        left = math.ceil(WINDOW_SECONDS - (now - started))
        return Allowance(limit, used, max(1, left))

    def __len__(self) -> int:
        return len(self._windows)


def address_key(host: str | None) -> str:
    """The key of an address: IPv6 by its /64, which one customer holds as a whole."""
    if host is None:
        return "address:unknown"
    try:
        address = ip_address(host)
    except ValueError:
        return f"address:{host[:64]}"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return f"address:{address.ipv4_mapped}"
        return f"address:{int(address) >> 64:x}::/64"
    return f"address:{address}"
