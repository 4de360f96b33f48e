"""A real git repository to commit documents to, shut off from this machine's git settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}


class Repository:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, files: Mapping[str, str | None]) -> None:
        for name, text in files.items():
            file = self.path / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)

    def commit(self, files: Mapping[str, str | None], message: str = "change") -> str:
        """Write or delete (None) files and commit them; the commit's name."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


def policy(name: str = "Laptops", **fields: object) -> str:
    return _yaml({"name": name, "cis_level": "level_1", "target_os": "linux", **fields})


def catalog(*ids: str, **fields: object) -> str:
    checks = "".join(f"  - {_check(id_, fields)}\n" for id_ in ids)
    return f"catalog: base\ntitle: Base\nchecks:\n{checks}"


def _check(id_: str, fields: Mapping[str, object]) -> str:
    text = _yaml(
        {
            "id": id_,
            "title": f"Title of {id_}",
            "category": "firewall",
            "severity": "low",
            "cis_level": "level_1",
            "platforms": "[linux]",
            "description": "Why it matters.",
            "query": "SELECT username AS state FROM users",
            "comparison_operator": "exists",
            **fields,
        }
    )
    return text.rstrip().replace("\n", "\n    ")


def exception(check_id: str, expires: str = "2026-12-31", **fields: object) -> str:
    return _yaml(
        {
            "check_id": check_id,
            "scope": "global",
            "reason": "Replaced by the vendor in January.",
            "expires_at": expires,
            **fields,
        }
    )


def base() -> dict[str, str | None]:
    """A valid repository: one policy, three checks, one exception."""
    return {
        "policies/laptops.yaml": policy(),
        "checks/base.yaml": catalog("one", "two", "three"),
        "exceptions/old-app.yaml": exception("one"),
    }


def _yaml(fields: Mapping[str, object]) -> str:
    return "".join(f"{key}: {_scalar(value)}\n" for key, value in fields.items())


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
