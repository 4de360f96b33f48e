"""A real repository to read from, made with the real git, with nobody's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repo:
    """A working tree with its own fixed identity and clock."""

    def __init__(self, top: Path, *options: str) -> None:
        self.top = top
        self._seconds = 1_700_000_000
        top.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", "--template=", *options)

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=self.top,
            env=self._environment(),
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def _environment(self) -> dict[str, str]:
        self._seconds += 60
        when = f"{self._seconds} +0000"
        who = {"NAME": "Rita Reviewer", "EMAIL": "rita@example.com", "DATE": when}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.top.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{
                f"GIT_{role}_{key}": v for role in ("AUTHOR", "COMMITTER") for key, v in who.items()
            },
        }

    def commit(self, files: dict[str, str | bytes | None], message: str = "change") -> str:
        """Write (or with ``None`` remove) files, commit everything, return the commit."""
        for path, content in files.items():
            place = self.top / path
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """Make a tree of (mode, id, name), however odd."""
        kinds = {"040000": "tree", "160000": "commit"}
        lines = (f"{mode} {kinds.get(mode, 'blob')} {sha}\t{name}\0" for mode, sha, name in entries)
        return self.git("mktree", "-z", "--missing", stdin="".join(lines).encode())

    def commit_tree(self, tree: str, message: str = "odd") -> str:
        """Put a made tree on main."""
        sha = self.git("commit-tree", tree, "-m", message)
        self.git("update-ref", "refs/heads/main", sha)
        return sha
