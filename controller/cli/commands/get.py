"""``gitward get``: list policies, checks, exceptions or machines."""

from __future__ import annotations

import argparse
import json
from typing import Final

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import format_option
from controller.cli.table import print_table, short_time

_KINDS: Final = ("policies", "checks", "exceptions", "machines")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("kind", choices=_KINDS, metavar="|".join(_KINDS))
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    with open_access(options) as controller:
        entries = controller.entries(options.kind)
    if options.format == "json":
        print(json.dumps({"items": entries, "total": len(entries)}, indent=2))
        return exit_codes.OK
    headers, row = {
        "policies": (
            ("ID", "NAME", "OS", "LEVEL", "ENABLED", "CHECKS", "MACHINES", "FROM"),
            _policy,
        ),
        "checks": (("ID", "SEVERITY", "CATEGORY", "PLATFORMS", "TITLE", "FROM"), _check),
        "exceptions": (
            ("ID", "STATE", "CHECKS", "SCOPE", "EXPIRES", "MACHINES", "FROM"),
            _exception,
        ),
        "machines": (
            ("HOSTNAME", "UUID", "OS", "STATUS", "SCORE", "RISK", "COMPLIANT", "STALE", "TAGS"),
            _machine,
        ),
    }[options.kind]
    print_table(headers, [row(entry) for entry in entries])
    return exit_codes.OK


def _origin(entry: Body) -> str:
    git = entry["git"]
    return f"{git['path']}:{git['line']}" if git else str(entry["managed_by"])


def _policy(entry: Body) -> list[object]:
    plain = [entry[key] for key in ("id", "name", "target_os", "cis_level", "enabled")]
    return [*plain, entry["check_count"], entry["agent_count"], _origin(entry)]


def _check(entry: Body) -> list[object]:
    plain = [entry[key] for key in ("id", "severity", "category", "platforms", "title")]
    return [*plain, _origin(entry)]


def _exception(entry: Body) -> list[object]:
    checks = entry["check_ids"] or [entry["check_id"]]
    scope = {
        "global": "global",
        "agent": f"{len(entry['agent_uuids'] or [entry['agent_uuid']])} machines",
        "tag": f"tag {entry['tag']}",
        "policy": f"policy {entry['policy_id']}",
    }[entry["scope"]]
    expires = short_time(entry["expires_at"])
    return [
        entry["id"], entry["state"], checks, scope, expires, entry["agents_affected"], _origin(entry),
    ]  # fmt: skip


def _machine(entry: Body) -> list[object]:
    keys = ("hostname", "uuid", "os", "status", "score", "risk_level", "compliant", "stale", "tags")
    return [entry[key] for key in keys]
