"""From an object to who is answerable for it: file and line, commit, author, and what was done to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from controller.errors import NotFoundError, RejectedError
from controller.model.managed import ManagedBy
from controller.model.terms import KINDS, Kind
from controller.store.port.store import Reading
from controller.store.port.trail import AuditEntry

_MOST: int = 100
_BY_GIT = frozenset({"add", "change", "move", "adopt", "delete"})


class Trace(BaseModel):
    """Where an object comes from."""

    object: str
    managed_by: ManagedBy | None
    """None when it was deleted."""
    manager: str | None
    source: str | None
    path: str | None
    line: int | None
    file_commit: str | None
    """The last commit that changed the file, be it only its comments: path, line and url are as of it, and
    a refused write (409) names it."""
    url: str | None
    commit: str | None
    """The last commit that changed the object itself; author, subject and time are of this one."""
    author: str | None
    email: str | None
    subject: str | None
    committed_at: datetime | None
    revision: str | None
    """The revision that brought it into force as it is."""
    in_force_since: datetime | None
    deleted_at: datetime | None
    history: tuple[AuditEntry, ...]
    """What was done to it, newest first, refused writes included."""


def trace(reading: Reading, name: str) -> Trace:
    """Trace an object named ``policy/ID``, ``check/ID`` or ``exception/ID``.

    Raises:
        RejectedError: The name has another form.
        NotFoundError: There never was such an object.
    """
    word, slash, id_ = name.partition("/")
    if word not in KINDS or not slash or not id_:
        raise RejectedError(f"{name[:200]!r} names no object; write {', '.join(KINDS)}/ID")
    kind: Kind = word
    managed = reading.in_force().of_kind(kind).get(id_)
    deleted_at = reading.tombstone(kind, id_)
    history = tuple(reading.trail(name, _MOST))
    if managed is None and deleted_at is None and not history:
        raise NotFoundError(f"there is no {kind} {id_[:200]!r}, and there never was")
    origin = managed.origin if managed else None
    newest = next((each for each in history if each.action in _BY_GIT), None)
    told: dict[str, Any] = dict(newest.detail) if newest and (origin or managed is None) else {}
    committed_at = told.get("committed_at")
    return Trace(
        object=name,
        managed_by=managed.managed_by if managed else None,
        manager=managed.manager if managed else None,
        source=origin.source if origin else None,
        path=origin.path if origin else told.get("path"),
        line=origin.line if origin else told.get("line"),
        file_commit=origin.commit if origin else None,
        url=origin.url if origin else None,
        commit=told.get("commit") or (origin.commit if origin else None),
        author=told.get("author"),
        email=told.get("email"),
        subject=told.get("subject"),
        committed_at=datetime.fromisoformat(committed_at) if committed_at else None,
        revision=newest.revision if told and newest else None,
        in_force_since=managed.updated_at if managed else None,
        deleted_at=deleted_at,
        history=history,
    )
