"""``gitward resume``: take revisions again, at once."""

from __future__ import annotations

import argparse

from controller.cli import exit_codes
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--source", metavar="NAME", help="which source; needed when there are several")
    access_options(parser)


def run(options: argparse.Namespace) -> int:
    """Resume."""
    with open_access(options) as controller:
        source = controller.resume(options.source)
    print(f"source {source['name']}: revisions are taken again")
    return exit_codes.OK
