"""Frozen reference: a full reconcile the plain way: pull, SafeLoader, pydantic, upsert."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import sqlite_utils
import yaml
from pydantic import BaseModel


class CheckIn(BaseModel):
    id: str
    title: str
    category: str
    severity: str
    cis_level: str
    platforms: list[str]
    description: str
    query: str
    comparison_operator: str = "equals"
    expected_result: dict[str, str] | None = None
    remediation: dict[str, Any] = {}


class CatalogIn(BaseModel):
    catalog: str
    title: str
    checks: list[CheckIn]


class PolicyIn(BaseModel):
    id: str
    name: str
    description: str = ""
    cis_level: str
    target_os: str
    check_interval_minutes: int = 60
    passing_score_threshold: float = 80
    include_checks: list[str] = []


class ExceptionIn(BaseModel):
    id: str
    check_id: str
    scope: str
    reason: str
    starts_at: Any
    expires_at: Any
    owner: str = ""


def reconcile(remote: Path, clone: Path, database: sqlite_utils.Database) -> int:
    """Bring a clone up to date and put everything that it declares into tables."""
    if clone.exists():
        subprocess.run(["git", "pull", "--quiet"], cwd=clone, check=True)
    else:
        subprocess.run(["git", "clone", "--quiet", str(remote), str(clone)], check=True)
    kinds: dict[str, list[dict[str, Any]]] = {"check": [], "policy": [], "exception": []}
    for path in sorted(clone.glob("*/**/*.yaml")):
        document = yaml.load(path.read_text(), Loader=yaml.SafeLoader)
        folder = path.relative_to(clone).parts[0]
        if folder == "checks":
            catalog = CatalogIn.model_validate(document)
            kinds["check"] += [check.model_dump() for check in catalog.checks]
        elif folder == "policies":
            kinds["policy"].append(PolicyIn.model_validate(document).model_dump())
        else:
            kinds["exception"].append(ExceptionIn.model_validate(document).model_dump())
    for kind, rows in kinds.items():
        database.table(kind).upsert_all(rows, pk="id")
        for gone in {row["id"] for row in database[kind].rows} - {row["id"] for row in rows}:
            database.table(kind).delete(gone)
    return sum(map(len, kinds.values()))
