"""Who manages an object, and where git declares it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controller.model.documents import AnyDocument
from controller.model.managed import Managed


@dataclass(frozen=True, slots=True)
class GitPlace:
    """The line and commit that declare an object."""

    path: str
    line: int
    commit: str
    url: str | None


def git_place(managed: Managed[AnyDocument]) -> GitPlace | None:
    """Where git declares the object; none when it does not."""
    origin = managed.origin
    if origin is None:
        return None
    return GitPlace(origin.path, origin.line, origin.commit, origin.url)
