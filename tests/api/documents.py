"""A small repository: eleven checks under one policy, one exception."""

from __future__ import annotations

SEVERITIES = {
    "crit": "critical",
    "high": "high",
    "med": "medium",
    "low": "low",
}


def check(id_: str, severity: str, category: str = "firewall", **fields: object) -> str:
    values = {
        "id": id_,
        "title": f"Title of {id_}",
        "category": category,
        "severity": severity,
        "cis_level": "level_1",
        "platforms": "[linux]",
        "description": f"Why {id_} matters.",
        "query": "SELECT username AS state FROM users",
        "comparison_operator": "exists",
        **fields,
    }
    lines = [f"{key}: {value}" for key, value in values.items()]
    return "  - " + "\n    ".join(lines) + "\n"


def catalog(*checks: str) -> str:
    return "catalog: base\ntitle: Base\nchecks:\n" + "".join(checks)


POLICY = """\
# The servers' baseline
name: Linux servers
cis_level: level_1
target_os: linux
passing_score_threshold: 80  # agreed in May
"""

EXCEPTION = """\
check_id: low-1
scope: global
reason: Vendor appliance, replaced in January.
expires_at: 2026-12-31
"""


def base() -> dict[str, str]:
    return {
        "policies/servers.yaml": POLICY,
        "checks/base.yaml": catalog(
            check("crit-1", "critical"),
            check("high-1", "high"),
            check("high-2", "high"),
            check("med-1", "medium", "encryption"),
            check("med-2", "medium", "encryption"),
            check("low-1", "low"),
        ),
        "exceptions/appliance.yaml": EXCEPTION,
    }
