"""``gitward events``: what happened, newest first; and messages that wait or were given up."""

from __future__ import annotations

import argparse
import json

from controller.cli import exit_codes
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import format_option, option
from controller.cli.table import print_table, short_time


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--limit", type=int, default=50, metavar="N", help="how many (default: 50)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--waiting", action="store_true", help="messages not yet delivered")
    which.add_argument("--dead", action="store_true", help="messages that were given up")
    which.add_argument("--retry", type=int, metavar="NUMBER", help="try a given up message again")
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print events or messages."""
    limit = min(max(options.limit, 1), 10_000)
    what = "dead" if options.dead else "waiting" if options.waiting else "events"
    with open_access(options) as controller:
        if options.retry is not None:
            controller.retry(options.retry)
            print(f"message {options.retry} is tried again")
            return exit_codes.OK
        found = controller.newest(what, limit)
    if options.format == "json":
        print(json.dumps(found, indent=2))
    elif what == "events":
        rows: list[tuple[object, ...]] = [
            (short_time(e["at"]), e["object"], e["reason"], e["count"], e["message"]) for e in found
        ]
        print_table(("AT", "OBJECT", "REASON", "TIMES", "MESSAGE"), rows)
    else:
        rows = [
            (n["number"], short_time(n["at"]), n["target"], n["reason"], n["attempts"], n["error"])
            for n in found
        ]
        print_table(("NUMBER", "AT", "TARGET", "REASON", "TRIES", "ERROR"), rows)
    return exit_codes.OK
