"""``gitward backup``: copy the store to a file, beside a running controller."""

from __future__ import annotations

import argparse
from pathlib import Path

from controller.cli import exit_codes
from controller.cli.options import option


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, help="where to write the backup; must not exist")
    option(
        parser, "--data", type=Path, default=Path(".gitward"), metavar="DIR", help="the data folder"
    )


def run(options: argparse.Namespace) -> int:
    """Write it, check it, say what it holds."""
    from controller.bootstrap import back_up

    print(f"{options.file}: {back_up(options.data, options.file)}")
    return exit_codes.OK
