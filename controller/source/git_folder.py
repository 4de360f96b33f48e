"""Where a repository on this machine keeps its refs and objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GitFolder:
    """A repository's folders. In a linked working tree the two differ."""

    git_dir: Path
    """``HEAD`` is here."""
    common: Path
    """Refs and objects are here."""

    def places(self, top: Path) -> tuple[str, ...]:
        """Every spelling under which git may ask whether the repository is trusted."""
        paths = (top, self.git_dir, self.common)
        spelled = [str(place) for path in paths for place in (path, path.resolve())]
        return tuple(dict.fromkeys(spelled))


def git_folder(top: Path) -> GitFolder | None:
    """The folders of the repository whose top, or bare folder, is ``top``."""
    dot_git = top / ".git"
    if dot_git.is_file():
        git_dir = _pointed_at(dot_git, b"gitdir: ", top)
    elif dot_git.is_dir():
        git_dir = dot_git
    else:
        git_dir = top
    if git_dir is None or not (git_dir / "HEAD").exists():
        return None
    common = _pointed_at(git_dir / "commondir", b"", git_dir) or git_dir
    return GitFolder(git_dir, common) if (common / "objects").is_dir() else None


def find_top(inside: Path) -> tuple[Path, GitFolder] | None:
    """The repository that a folder belongs to, going upwards."""
    for top in (inside, *inside.parents):
        if (folder := git_folder(top)) is not None:
            return top, folder
    return None


def _pointed_at(file: Path, prefix: bytes, start: Path) -> Path | None:
    try:
        text = file.read_bytes()[:4096]
    except OSError:
        return None
    if not text.startswith(prefix):
        return None
    name = text.removeprefix(prefix).rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    return (start / name).resolve() if name else None
