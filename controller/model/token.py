"""What is kept of a secret: never the secret itself. Pure."""

from __future__ import annotations

import hashlib


def hash_token(token: str) -> str:
    """What is stored and looked up: hex SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
