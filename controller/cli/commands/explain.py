"""``gitward explain``: what a problem code or a check means, and what to do about it."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from controller.cli import exit_codes
from controller.errors import UsageError
from controller.model.documents import Check

_CODE: Final = re.compile(r"GW([0-9]{0,3})", re.IGNORECASE)
_WHOLE: Final = 5
"""Characters of a code."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "subject",
        help="a problem code (GW201), codes that begin alike (GW4, or GW for all), or a check's id",
    )
    parser.add_argument("path", nargs="?", default=".", help="where the check is declared")


def run(options: argparse.Namespace) -> int:
    """Print the explanation; exit code 1 when there is no such code or check."""
    if _CODE.fullmatch(options.subject):
        code = options.subject.upper()
        text = explain_code(code) if len(code) == _WHOLE else list_codes(code)
        unknown = "no such problem code; they are listed in docs/reference/problems.md"
    else:
        text = explain_check(options.subject, Path(options.path))
        unknown = f"no such check under {options.path!r} or among the built-in ones"
    if text is None or not text.startswith("did you mean"):
        print(text or f"{options.subject}: {unknown}", file=sys.stdout if text else sys.stderr)
        return exit_codes.OK if text else exit_codes.PROBLEMS
    print(f"{options.subject}: {unknown}; {text}", file=sys.stderr)
    return exit_codes.PROBLEMS


def explain_code(code: str) -> str | None:
    """What a problem code means, or none when there is no such code."""
    from controller.config.codes import CODES

    row = CODES.get(code)
    if row is None:
        return None
    level = "a warning" if row.level == "warning" else "an error"
    clock = "\nIt depends on the time: the controller itself only warns." if row.clock else ""
    return (
        f"{row.id}: {row.title} ({level})\n\n{_wrapped(row.explanation)}{clock}\n\n"
        f"Wrong:\n{_indented(row.wrong or '(nothing)')}\n\nRight:\n{_indented(row.right)}"
    )


def list_codes(start: str) -> str | None:
    """The codes that begin so, a line each under their heading; none when there are none."""
    from controller.config.codes import CODES, SECTIONS

    lines: list[str] = []
    for prefix, heading in SECTIONS:
        codes = [code for code in CODES if code.startswith(prefix) and code.startswith(start)]
        if codes:
            lines += ["", heading, *(f"  {code}  {CODES[code].title}" for code in codes)]
    return "\n".join(lines[1:]) or None


def explain_check(check_id: str, root: Path) -> str | None:
    """What a check of the repository at ``root`` looks for; ``did you mean ...``; or none.

    Broken documents elsewhere in the repository do not matter.
    """
    from datetime import UTC, datetime

    from controller.config.builtin import builtin_checks
    from controller.config.directory import read_directory
    from controller.config.finding import did_you_mean
    from controller.config.load import load
    from controller.scoring.selection import selects

    if not root.is_dir():
        raise UsageError(f"{str(root)!r} is no folder; name the root of a configuration repository")
    files, _ = read_directory(root)
    configuration = load(files, as_of=datetime.now(UTC)).configuration
    declared = configuration.checks.get(check_id)
    builtin = {check.id: check for check in builtin_checks()}
    check = declared.document if declared is not None else builtin.get(check_id)
    if check is None:
        hint = did_you_mean(check_id, configuration.checks.keys() | builtin.keys())
        return hint.removeprefix("; ") or None
    counted = declared is not None or configuration.settings.builtin_checks
    policies = [
        f"{policy.document.name} ({policy.id}, {policy.place.path}:{policy.place.line})"
        for policy in configuration.policies.values()
        if counted and selects(policy.document, check)
    ]
    place = f"{declared.place.path}:{declared.place.line}" if declared is not None else "built in"
    return _told(check, place, policies)


def _told(check: Check, place: str, policies: list[str]) -> str:
    head = f"{check.id}: {check.title}\n{check.severity}, {check.category}, {check.cis_level}"
    if check.cis_id:
        head += f", CIS {check.cis_id}"
    parts = [
        f"{head}\n{place}",
        f"What:\n{_indented(_wrapped(check.description))}",
        f"Why it matters:\n{_indented(_wrapped(check.impact))}" if check.impact else "",
        _how_to_fix(check),
        f"Platforms: {', '.join(check.platforms)}",
        "Policies:\n" + _indented("\n".join(policies or ["none selects it"])),
        f"Query ({check.check_type}):\n{_indented(check.query)}\n  {_expectation(check)}",
        f"Only where this returns a row:\n{_indented(check.applies_when)}"
        if check.applies_when
        else "",
        _agents(check),
        "Frameworks:\n" + _indented(_frameworks(check)) if check.frameworks else "",
        "References:\n" + _indented("\n".join(check.references)) if check.references else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _how_to_fix(check: Check) -> str:
    steps = [f"{number}. {step}" for number, step in enumerate(check.remediation.steps, 1)]
    if check.remediation.command:
        steps.append(f"$ {check.remediation.command}")
    return "How to fix:\n" + _indented("\n".join(steps)) if steps else ""


def _agents(check: Check) -> str:
    from controller.config.rules.agents import findings

    said = "\n".join(f"{found.code}: {found.message}" for found in findings(check))
    return f"SlimRMM's agents:\n{_indented(said)}" if said else ""


def _frameworks(check: Check) -> str:
    return "\n".join(f"{name}: {', '.join(ids)}" for name, ids in check.frameworks.items())


def _expectation(check: Check) -> str:
    expected = check.expected_result
    if expected is None:
        return f"passes when: {check.comparison_operator}"
    if isinstance(expected, dict):
        shown = ", ".join(f"{column} = {value!r}" for column, value in expected.items())
    else:
        shown = repr(expected)
    return f"passes when: {check.comparison_operator} {shown}"


def _wrapped(text: str) -> str:
    from textwrap import fill

    return "\n".join(fill(line, 88) for line in text.splitlines())


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
