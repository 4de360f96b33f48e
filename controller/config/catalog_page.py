"""The page docs/reference/checks.md: ``python -m controller.config.catalog_page > FILE``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

from controller.config import parse
from controller.config.builtin import builtin_files
from controller.config.rules.agents import refused
from controller.model.documents import Catalog, Check
from controller.model.terms import KNOWN_CATEGORIES, PLATFORMS, SEVERITIES, Platform

_HEAD: Final = """# The built-in checks

<!-- Made from the catalogs below checks/ by: python -m controller.config.catalog_page -->

{total} checks in {catalogs} catalogs. `gitward explain ID` adds the query, its expectation and the
policies that select a check; [writing checks](../concepts/writing-checks.md) says how they are written.
The severities weigh 10, 5, 3 and 1 in a score. *CIS* is the number of the recommendation that a check
answers, where there is one.

A check marked *other agents* reads a table that SlimRMM's agent refuses, and is an error there; the
reference agent runs it.
"""
_NAMES: Final[dict[Platform, str]] = {"linux": "Linux", "windows": "Windows", "darwin": "macOS"}
_FRAMEWORKS: Final = {
    "nist-800-53": "NIST 800-53",
    "nist-800-171": "NIST 800-171",
    "iso-27001": "ISO 27001",
    "soc-2": "SOC 2",
    "hipaa": "HIPAA",
}


def page(catalogs: Sequence[Catalog] | None = None) -> str:
    """The whole page as Markdown, of the shipped catalogs unless others are given."""
    shown = _shipped() if catalogs is None else catalogs
    checks = [check for catalog in shown for check in catalog.checks]
    parts = [_HEAD.format(total=len(checks), catalogs=len(shown)), _overview(checks)]
    for platform in sorted(PLATFORMS, key=list(_NAMES).index):
        parts.append(f"## {_NAMES[platform]}\n")
        parts += [_catalog(each) for each in shown if platform in each.checks[0].platforms]
    return "\n".join(parts)


def _shipped() -> list[Catalog]:
    reads = (parse.read(file.path, file.content) for file in builtin_files())
    found = [Catalog.model_validate(node.value) for read in reads for node in read.documents]
    return sorted(found, key=lambda each: KNOWN_CATEGORIES.index(each.checks[0].category))


def _overview(checks: Sequence[Check]) -> str:
    names = [_NAMES[platform] for platform in _NAMES]
    rows = [_row(["", *names]), _row(["---"] * (len(names) + 1))]
    by_category = Counter((check.category, os) for check in checks for os in check.platforms)
    by_severity = Counter((check.severity, os) for check in checks for os in check.platforms)
    for category in KNOWN_CATEGORIES:
        counts = [str(by_category[category, os]) for os in _NAMES]
        rows.append(_row([category, *counts]))
    for severity in SEVERITIES:
        counts = [str(by_severity[severity, os]) for os in _NAMES]
        rows.append(_row([f"*{severity}*", *counts]))
    return "\n".join(rows) + "\n"


def _catalog(catalog: Catalog) -> str:
    rows = [
        _row(["check", "what is so when all is well", "severity", "level", "CIS"]),
        _row(["---"] * 5),
        *map(_line, catalog.checks),
    ]
    entries = "\n".join(map(_entry, catalog.checks))
    return f"### {catalog.title}\n\n{catalog.description}\n\n" + "\n".join(rows) + f"\n\n{entries}"


def _line(check: Check) -> str:
    level = check.cis_level.removeprefix("level_")
    name = f"[`{check.id}`](#{check.id})"
    return _row([name, check.title, check.severity, level, check.cis_id or ""])


def _entry(check: Check) -> str:
    notes = ["other agents"] if refused(check) else []
    notes += [
        f"{_FRAMEWORKS.get(name, name)}: {', '.join(controls)}"
        for name, controls in check.frameworks.items()
    ]
    parts = [f"#### {check.id}", f"**{check.title}.** {check.description}", check.impact]
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(check.remediation.steps, 1))
    if steps:
        parts.append(steps)
    if check.remediation.command:
        parts.append(f"```\n{check.remediation.command}\n```")
    if notes:
        parts.append(f"*{'; '.join(notes)}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
