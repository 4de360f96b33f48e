"""``gitward suspend``: stop taking revisions, with a reason, until resumed or until a time."""

from __future__ import annotations

import argparse

from controller.cli import exit_codes
from controller.cli.access.opening import access_options, open_access
from controller.cli.durations import ends_at
from controller.cli.options import option
from controller.cli.table import printable, short_time


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--reason", required=True, help="why; shown in the status and the audit trail")
    option(parser, "--until", type=ends_at, metavar="WHEN", help="2h, 1d, a date or a time")
    option(parser, "--source", metavar="NAME", help="which source; needed when there are several")
    access_options(parser)


def run(options: argparse.Namespace) -> int:
    """Suspend."""
    with open_access(options) as controller:
        source = controller.suspend(options.source, options.reason, options.until)
    until = short_time(source["suspend_until"]) or "gitward resume"
    revision = source["last_applied_revision"] or "nothing yet"
    print(printable(f"source {source['name']}: suspended until {until}; in force stays {revision}"))
    return exit_codes.OK
