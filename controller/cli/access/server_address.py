"""Addresses that a person or a job gives, to which a token is sent."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from controller.errors import UsageError


def server_address(text: str) -> str:
    """The address without a slash at its end.

    Raises:
        UsageError: It is none, or one over which a token would travel readable.
    """
    parts = _parts(text)
    if parts is None:
        shown = repr(text[:200]) if "@" not in text else "what was given"  # a password may be in it
        raise UsageError(f"{shown} is no address; give https://HOST[:PORT]")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UsageError(f"{text} would send the token readable to all on the way; use https://")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parts(text: str) -> SplitResult | None:
    """The address's parts; none where something is missing, or there that an address does not have."""
    import httpx

    if not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")
        host = httpx.URL(text).host  # reads the name as what is sent would
    except (ValueError, httpx.InvalidURL):  # a name that cannot be one is a ValueError too
        return None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts if host and plain and parts.scheme in {"http", "https"} else None
