"""``gitward restore``: put a backup into an empty data folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from controller.cli import exit_codes
from controller.cli.options import option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, help="a file that gitward backup wrote")
    option(
        parser, "--data", type=Path, default=Path(".gitward"), metavar="DIR", help="an empty folder"
    )


def run(options: argparse.Namespace) -> int:
    """Check it, put it in place, say what it holds."""
    from controller.bootstrap import restore

    print(f"{options.data}: {restore(options.file, options.data)}")
    return exit_codes.OK
