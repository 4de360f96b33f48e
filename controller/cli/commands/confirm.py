"""``gitward confirm``: release the plan that is held, by its digest, and no other."""

from __future__ import annotations

import argparse

from controller.cli import exit_codes
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("digest", help="of the held plan, as gitward status shows it")
    option(parser, "--source", metavar="NAME", help="which source; else the one that holds a plan")
    access_options(parser)


def run(options: argparse.Namespace) -> int:
    """Confirm."""
    with open_access(options) as controller:
        source = controller.confirm(options.source, options.digest.strip().lower())
    held = source["held_plan"]
    deletes = len(held["deletes"]) if held else 0
    revision = held["revision"] if held else source["observed_revision"]
    print(f"source {source['name']}: {revision} with {deletes} deletions is released")
    return exit_codes.OK
