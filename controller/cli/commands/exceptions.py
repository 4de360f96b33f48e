"""``gitward exceptions``: those in force that ask for another look."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.durations import days
from controller.cli.options import format_option
from controller.cli.table import print_table, short_time

_EXPIRING_DAYS: Final = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options; several filters show what any of them finds, none shows all in force."""
    parser.add_argument("--expiring", type=days, metavar="30d", help="end within this time")
    parser.add_argument(
        "--unused", action="store_true", help="no machine that they cover fails the check"
    )
    parser.add_argument(
        "--redundant",
        action="store_true",
        help="others, at least as long in force, exempt the same",
    )
    parser.add_argument(
        "--too-broad",
        action="store_true",
        help="fewer than a fifth of the results that they cover fail",
    )
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the list; with a filter 1 when it finds something, so that a job can ask."""
    wanted = {name for name in ("unused", "redundant", "too_broad") if getattr(options, name)} | (
        {"expiring"} if options.expiring is not None else set()
    )
    soon = _EXPIRING_DAYS if options.expiring is None else options.expiring
    with open_access(options) as controller:
        body = controller.findings(soon)
    items = [each for each in body["items"] if not wanted or wanted.intersection(each["findings"])]
    if options.format == "json":
        print(json.dumps({**body, "items": items}, indent=2))
    elif items:
        headers = ("ID", "FINDINGS", "CHECKS", "SCOPE", "MACHINES", "FAILING", "EXPIRES", "FROM")
        print_table(headers, [_row(each) for each in items])
    else:
        print(_nothing(wanted, len(body["items"])), file=sys.stderr)
    return exit_codes.PROBLEMS if wanted and items else exit_codes.OK


def _nothing(wanted: set[str], looked_at: int) -> str:
    if not looked_at:
        return "no exception is in force"
    words = " or ".join(sorted(wanted)).replace("_", " ")
    return f"of {looked_at} exception{'' if looked_at == 1 else 's'} in force none is {words}"


def _row(item: Body) -> list[object]:
    found = [
        f"redundant ({', '.join(item['covered_by'])})" if each == "redundant" else each
        for each in item["findings"]
    ]
    git = item["git"]
    origin = f"{git['path']}:{git['line']}" if git else item["managed_by"]
    failing = f"{item['failing']} of {item['pairs']}"
    expires = short_time(item["expires_at"])
    return [
        item["id"], found, item["check_ids"], item["scope"], item["agents"], failing, expires, origin
    ]  # fmt: skip
