"""Configuration repositories of any size, the same at every run."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

CATEGORIES = (
    "firewall",
    "encryption",
    "user_accounts",
    "remote_access",
    "audit_logging",
    "system_updates",
)
SEVERITIES = ("critical", "high", "medium", "low")
_WEIGHTS = (1, 3, 4, 2)
PLATFORMS = ("linux", "windows", "darwin")

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def check_id(number: int) -> str:
    return f"bench-{number:05}"


def expectation(number: int) -> str:
    """What a check wants to see in the column ``value``."""
    return str(number % 7 + 1)


def check_text(number: int, seed: int = 7, query: str = "") -> str:
    """One check of a catalog, as YAML; every third compares a number, the others a text."""
    fate = random.Random(f"{seed}/{number}")
    severity = fate.choices(SEVERITIES, _WEIGHTS)[0]
    operator = "gte" if number % 3 == 0 else "equals"
    where = query or f"SELECT path, mode AS value FROM file WHERE path = '/etc/conf-{number}'"
    return f"""\
  - id: {check_id(number)}
    title: Setting {number} of the base system is as agreed
    category: {CATEGORIES[number % len(CATEGORIES)]}
    severity: {severity}
    cis_level: level_1
    platforms: [linux]
    description: >-
      What is looked at, why it matters on a machine that people depend on, and what becomes possible
      for whoever finds it otherwise. Number {number} of the generated catalog.
    query: {where}
    comparison_operator: {operator}
    expected_result: {{value: "{expectation(number)}"}}
    remediation:
      steps:
        - Open the file that the query names and set the value.
        - Restart the service that reads it.
"""


def catalog(name: str, numbers: range) -> str:
    checks = "".join(check_text(number) for number in numbers)
    return f"catalog: {name}\ntitle: Generated catalog {name}\nchecks:\n{checks}"


def policy(number: int, extra: str = "") -> str:
    return f"""\
id: policy-{number:05}
name: Generated policy {number}
description: Which machines this is for, and who asked for it.
cis_level: level_2
target_os: linux
check_interval_minutes: 60
passing_score_threshold: {70 + number % 25}
{extra}"""


def waiver(number: int, check: int, extra: str = "scope: global\n") -> str:
    return f"""\
id: exception-{number:05}
check_id: {check_id(check)}
reason: The vendor has promised a release that puts this right; ticket {number}.
starts_at: 2026-01-01
expires_at: 2099-{number % 12 + 1:02}-01
owner: team-{number % 9}@example.com
{extra}"""


LONG_LIVED = "exceptions: {max_days: 3650, require_expiry: false}\n"


def fleet_repository(checks: int = 200, policies: int = 3, waivers: int = 10) -> dict[str, str]:
    """What a fleet is scored by: policies that share one catalog, with some exceptions."""
    files = {"gitward.yaml": LONG_LIVED}
    for first in range(0, checks, 100):
        name = f"base-{first:05}"
        numbers = range(first, min(first + 100, checks))
        files[f"checks/{name}.yaml"] = catalog(name, numbers)
    for number in range(policies):
        # The first takes everything, the others leave a part out and differ in severities.
        extra = ""
        if number:
            left_out = ", ".join(check_id(n) for n in range(number * 7, number * 7 + 5))
            extra = (
                f"exclude_checks: [{left_out}]\nseverity_overrides: {{{check_id(number)}: high}}\n"
            )
        files[f"policies/policy-{number:05}.yaml"] = policy(number, extra)
    for number in range(waivers):
        text = waiver(number, number * 3 % checks).replace("expires_at: 2099-", "expires_at: 2031-")
        files[f"exceptions/exception-{number:05}.yaml"] = text.replace(
            "starts_at: 2026-01-01", "starts_at: 2026-01-01"
        )
    return files


A_FOLDER = 100
"""So many files a team keeps in one folder at most."""


def mixed_repository(files: int, *, flat: bool = False) -> dict[str, str]:
    """Documents one a file: 60 % checks, 30 % policies, 10 % exceptions.

    In folders of a hundred files, as people would keep them; ``flat``: each kind in a single one.
    """
    found = {"gitward.yaml": "exceptions: {max_days: 365}\n"}
    checks, policies = files * 6 // 10, files * 3 // 10

    def place(kind: str, number: int, name: str) -> str:
        return f"{kind}/{name}.yaml" if flat else f"{kind}/{number // A_FOLDER:03}/{name}.yaml"

    for number in range(checks):
        text = catalog(f"catalog-{number:05}", range(number, number + 1))
        found[place("checks", number, check_id(number))] = text
    for number in range(policies):
        chosen = ", ".join(check_id((number * 31 + n) % checks) for n in range(8))
        extra = f"include_checks: [{chosen}]\n"
        found[place("policies", number, f"policy-{number:05}")] = policy(number, extra)
    for number in range(files - checks - policies):
        text = (
            waiver(number, number * 5 % checks)
            .replace("2099", "2026")
            .replace("2026-01-01", "2026-11-01", 1)
        )
        month = f"2027-{number % 9 + 1:02}-01"
        head, _, tail = text.partition("expires_at: ")
        text = f"{head}expires_at: {month}{tail[10:]}"
        found[place("exceptions", number, f"exception-{number:05}")] = text
    return found


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(folder: Path, files: Mapping[str, str], message: str = "change") -> str:
    """Write files and commit them, in a repository that is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")
