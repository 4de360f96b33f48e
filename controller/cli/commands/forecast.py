"""``gitward forecast``: the fleet's score day by day if no exception is renewed."""

from __future__ import annotations

import argparse
import json

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.durations import days
from controller.cli.options import format_option
from controller.cli.table import cell, print_table, printable
from controller.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--days", type=days, default=90, metavar="90", help="1 to 366, with today")
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the days on which something starts, ends or changes."""
    if not 1 <= options.days <= 366:
        raise UsageError("--days goes from 1 to 366")
    with open_access(options) as controller:
        body = controller.forecast(options.days)
    if options.format == "json":
        print(json.dumps(body, indent=2))
        return exit_codes.OK
    print(_now(body))
    rows = [row for point in body["points"] for row in _rows(point)]
    if rows:
        headers = ("DAY", "SCORE", "COMPLIANT %", "CHANGED", "NEWLY NON-COMPLIANT", "BECAUSE")
        print_table(headers, rows)
    else:
        print(f"no exception starts or ends within {options.days} day{_s(options.days)}")
    return exit_codes.OK


def _now(body: Body) -> str:
    machines = f"{body['agents']} machine{_s(body['agents'])}"
    if body["average_score"] is None:
        return f"now no score: nothing to judge on {machines}"
    share = f"{cell(body['compliant_percentage'])} % compliant"
    return f"now {cell(body['average_score'])}, {share}, {machines}"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _rows(point: Body) -> list[list[object]]:
    causes = [printable(f"{turn['exception_id']} {turn['change']}") for turn in point["turns"]]
    if not causes and not point["agents_changed"]:
        return []
    keys = ("date", "average_score", "compliant_percentage", "agents_changed", "newly_noncompliant")
    first = [point[key] for key in keys]
    return [[*first, causes[0] if causes else "-"], *([*[""] * 5, each] for each in causes[1:])]
