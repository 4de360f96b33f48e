"""The shipped documents, read without the program's own reader."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = {"linux": "linux", "windows": "windows", "macos": "darwin"}
PREFIXES = {"linux": "linux-", "windows": "win-", "darwin": "mac-"}


def catalogs() -> dict[Path, dict[str, Any]]:
    return _read("checks")


def policies() -> list[dict[str, Any]]:
    return list(_read("policies").values())


def exceptions() -> dict[Path, dict[str, Any]]:
    return _read("exceptions")


def checks(platform: str = "") -> list[dict[str, Any]]:
    every = [check for catalog in catalogs().values() for check in catalog["checks"]]
    return [check for check in every if not platform or platform in check["platforms"]]


@cache
def _read(folder: str) -> dict[Path, dict[str, Any]]:
    return {
        path.relative_to(ROOT): yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.yaml"))
    }
