"""Documents in force with who manages them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, NamedTuple

from controller.model.configuration import D_co

ManagedBy = Literal["git", "api", "builtin"]


class GitOrigin(NamedTuple):
    """The place in git that declares an object."""

    source: str
    path: str
    line: int
    commit: str
    """Full object name of the last commit that changed the file."""
    url: str | None = None
    """Address of file and line at the repository's host, when the host's form is known."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} at {self.commit[:7]}"


class Managed(NamedTuple, Generic[D_co]):
    """An object in force: the document, its one manager, and since when."""

    document: D_co
    manager: str
    """``git:SOURCE``, ``api:PRINCIPAL`` or ``builtin``."""
    origin: GitOrigin | None
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> str:
        return self.document.id

    @property
    def managed_by(self) -> ManagedBy:
        if self.manager.startswith("git:"):
            return "git"
        return "builtin" if self.manager == "builtin" else "api"
