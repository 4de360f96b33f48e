"""The one error that stays inside this package."""

from __future__ import annotations


class DamagedError(Exception):
    """Raised when objects that must be here are missing or unreadable: the mirror is rebuilt."""
