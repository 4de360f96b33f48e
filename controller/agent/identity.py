"""Who this agent is to its controller, kept in its state folder, readable by its user alone."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from controller.errors import UsageError

_FILE: Final = "identity.json"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Identity:
    """A machine's id and secret at one controller."""

    server: str
    uuid: str
    agent_token: str
    status: str
    """``pending`` until an administrator approves, then ``approved``."""
    poll_seconds: float = 30.0
    """How often to ask while pending."""


def claim(folder: Path) -> int:
    """Make the folder and hold it for this process; the descriptor keeps it held.

    Raises:
        UsageError: Another agent holds it, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{folder} cannot be used as state folder: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise UsageError(f"another agent uses {folder}; give each its own --state") from error
    return descriptor


def load(folder: Path, server: str) -> Identity | None:
    """The identity for this controller, none when there is none yet.

    Raises:
        UsageError: The folder belongs to another controller (whose secret must not be shown to this
            one), or its file is damaged.
    """
    path = folder / _FILE
    try:
        identity = Identity(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); remove it to enrol this machine anew"
        ) from error
    if identity.server != server:
        raise UsageError(
            f"{folder} belongs to the controller at {identity.server}, not {server}; "
            "use another --state"
        )
    return identity


def save(folder: Path, identity: Identity) -> None:
    """Replace the stored identity as a whole.

    Raises:
        OSError: The disk is full or broken.
    """
    unfinished = folder / f".{_FILE}"
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(identity), file)
        file.flush()
        os.fsync(descriptor)
    unfinished.replace(folder / _FILE)


def follow(folder: Path, server: str) -> Identity | None:
    """Take an identity along to the controller's new address; for the controller's own agent alone.

    Only the program that holds both sides may say that the address is still the same controller.
    """
    path = folder / _FILE
    try:
        identity = replace(Identity(**json.loads(path.read_text())), server=server)
    except (OSError, ValueError, TypeError):
        return None
    save(folder, identity)
    return identity


def forget(folder: Path) -> None:
    """Drop an identity that its controller does not know any more."""
    (folder / _FILE).unlink(missing_ok=True)
