"""A small valid repository to vary, and shorthands to load files."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from controller.config.load import Loaded, SourceFile, load
from controller.model.problem import Problem

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)

CATALOG = """\
catalog: base
title: Base
checks:
  - id: linux-firewall-on
    title: The firewall is on
    category: firewall
    severity: high
    cis_level: level_1
    platforms: [linux]
    description: A firewall is running.
    query: SELECT active_state AS state FROM systemd_units WHERE id = 'ufw.service'
    expected_result: {state: "active"}
  - id: linux-audit-on
    title: The audit daemon runs
    category: audit_logging
    severity: medium
    cis_level: level_2
    platforms: [linux]
    description: Audit runs.
    query: SELECT active_state AS state FROM systemd_units WHERE id = 'auditd.service'
    expected_result: {state: "active"}
  - id: windows-firewall-on
    title: The firewall is on
    category: firewall
    severity: high
    cis_level: level_1
    platforms: [windows]
    description: A firewall is running.
    query: SELECT firewall FROM windows_security_center
    expected_result: {firewall: "Good"}
  - id: windows-rdp-off
    title: Remote desktop is off
    category: remote_access
    severity: high
    cis_level: level_1
    platforms: [windows]
    description: Nobody can log in from afar.
    check_type: registry
    query: HKLM\\SYSTEM\\Terminal Server\\fDenyTSConnections
    expected_result: {data: "1"}
"""
POLICY = """\
name: Baseline
cis_level: level_1
target_os: all
error_handling: exclude
"""
EXCEPTION = """\
check_id: linux-firewall-on
scope: global
reason: Replaced in January by a new one.
expires_at: 2026-12-31
"""
CHECK = """\
id: example
title: Example
category: firewall
severity: low
cis_level: level_1
platforms: [linux]
description: Looks.
query: SELECT active_state AS state FROM systemd_units
expected_result: {state: "on"}
"""
EXAMPLE_POLICY = """\
name: Example
cis_level: level_1
target_os: all
passing_score_threshold: 40
"""
TEMPLATES = {
    "policy": ("policies/example.yaml", EXAMPLE_POLICY),
    "exception": ("exceptions/example.yaml", EXCEPTION),
    "check": ("checks/example.yaml", CHECK),
    "settings": ("gitward.yaml", ""),
    "file": ("policies/example.yaml", ""),
}


def varied(kind: str, fields: str) -> SourceFile:
    """A valid document of the kind with some of its fields replaced or added."""
    path, template = TEMPLATES[kind]
    replaced = set(re.findall(r"^([A-Za-z_]+):", fields, re.MULTILINE))
    if "check_ids" in replaced:
        replaced.add("check_id")
    if re.search(r"^comparison_operator: (not_)?exists", fields, re.MULTILINE):
        replaced.add("expected_result")
    kept = [line for line in template.splitlines() if line.partition(":")[0] not in replaced]
    text = "\n".join([*kept, fields.rstrip("\n")]).lstrip("\n") + "\n"
    if kind == "check":
        lines = [f"    {line}" for line in text.splitlines()]
        lines[0] = "  - " + lines[0].strip()
        text = "title: Example\nchecks:\n" + "\n".join(lines) + "\n"
    return SourceFile(path, text.encode())


def repository(*files: SourceFile) -> list[SourceFile]:
    """The files beside a valid catalog and policy."""
    return [
        SourceFile("checks/base.yaml", CATALOG.encode()),
        SourceFile("policies/baseline.yaml", POLICY.encode()),
        *files,
    ]


def judged(kind: str, fields: str, *more: SourceFile, as_of: datetime = AS_OF) -> Loaded:
    return load(repository(varied(kind, fields), *more), as_of=as_of)


def problems_of(
    kind: str, fields: str, *more: SourceFile, as_of: datetime = AS_OF
) -> list[Problem]:
    """The problems of the varied document, without those of the repository around it."""
    path = TEMPLATES[kind][0]
    return [p for p in judged(kind, fields, *more, as_of=as_of).problems if p.path == path]


def codes_of(kind: str, fields: str, *more: SourceFile, as_of: datetime = AS_OF) -> set[str]:
    return {problem.code for problem in problems_of(kind, fields, *more, as_of=as_of)}


def errors(loaded: Loaded) -> list[Problem]:
    """The problems that keep a configuration from being applied."""
    return [problem for problem in loaded.problems if problem.level == "error"]
