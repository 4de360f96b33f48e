"""``gitward history``: every revision that was tried, newest first."""

from __future__ import annotations

import argparse
import json

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import format_option, option
from controller.cli.table import print_table, short_time


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--limit", type=int, default=20, metavar="N", help="how many (default: 20)")
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the history."""
    with open_access(options) as controller:
        found = controller.newest("revisions", min(max(options.limit, 1), 10_000))
    if options.format == "json":
        print(json.dumps(found, indent=2))
        return exit_codes.OK
    rows = [
        (
            short_time(each["attempted_at"]),
            each["source"],
            each["sha"][:12],
            each["reason"] or each["result"],
            each["author"],
            each["subject"],
            _counts(each),
        )
        for each in found
    ]
    print_table(("AT", "SOURCE", "COMMIT", "RESULT", "AUTHOR", "SUBJECT", "CHANGES"), rows)
    return exit_codes.OK


def _counts(record: Body) -> str:
    changes = [f"{count} {op}" for op, count in record["counts"].items() if count]
    if record["problems"] and record["result"] != "applied":
        return f"{len(record['problems'])} problems"
    return ", ".join(changes)
