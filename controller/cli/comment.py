"""``gitward comment``: put a plan on its pull or merge request, always as one and the same comment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from controller.cli import exit_codes
from controller.cli.forges import forge_of
from controller.cli.options import option
from controller.cli.plan_markdown import LIMIT, MARKER
from controller.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the option."""
    parser.add_argument("file", type=Path, help="what gitward plan --format markdown printed")
    option(
        parser, "--ca-file", type=Path, metavar="FILE", help="trust these authorities for the host"
    )


def run(options: argparse.Namespace) -> int:
    """Write or rewrite the comment, and print its address."""
    print(post(options.file, os.environ, options.ca_file))
    return exit_codes.OK


def post(file: Path, environment: Mapping[str, str], ca_file: Path | None = None) -> str:
    """Put the file's text into the one comment of the request that the job runs for.

    Raises:
        UsageError: The file is no plan, or this is no job of a request.
        RemoteRefusedError: The host refuses.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    if not text.startswith(MARKER) or len(text) > LIMIT + 1:
        raise UsageError(f"{file} is not what gitward plan --format markdown prints")
    with forge_of(environment, ca_file) as forge:
        own = forge.find(MARKER)
        return forge.create(text) if own is None else forge.update(own, text)
