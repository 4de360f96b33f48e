"""``gitward comment``: put a plan on its pull or merge request, always as the same comments."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from controller.cli import exit_codes
from controller.cli.options import option, path_unless_empty
from controller.cli.review.comment_parts import LIMITS, MOST_PARTS, divide, size
from controller.cli.review.forges import Forge, forge_of
from controller.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the option."""
    parser.add_argument("file", type=Path, help="what gitward plan --format markdown printed")
    option(
        parser,
        "--ca-file",
        type=path_unless_empty,
        metavar="FILE",
        help="trust these authorities for the host",
    )


def run(options: argparse.Namespace) -> int:
    """Write or rewrite the comments, and print the first one's address."""
    print(post(options.file, os.environ, options.ca_file))
    return exit_codes.OK


def post(file: Path, environment: Mapping[str, str], ca_file: Path | None = None) -> str:
    """Put the file's parts into our own comments at the request that the job runs for.

    A comment of ours that holds a part is rewritten; what an earlier, longer plan left is removed.

    Raises:
        UsageError: The file is no plan, or this is no job of a request.
        RemoteRefusedError: The host refuses.
    """
    with forge_of(environment, ca_file) as forge:
        texts = _parts(file, forge)
        own = forge.own()
        addresses = [
            forge.update(own[number][0], text) if number in own else forge.create(text)
            for number, text in enumerate(texts, 1)
        ]
        for number, comments in own.items():
            # The first of a number is kept: two jobs at once may have written it twice.
            for each in comments if number > len(texts) else comments[1:]:
                forge.delete(each)
    return addresses[0]


def _parts(file: Path, forge: Forge) -> list[str]:
    limit = LIMITS[forge.name]
    try:
        text = file.read_bytes()[: 4 * MOST_PARTS * limit].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    found = divide(text)
    if found is None or len(found) > MOST_PARTS:
        raise UsageError(f"{file} is not what gitward plan --format markdown prints")
    if any(size(each) > limit for each in found):
        raise UsageError(
            f"{file} has a part of more than the {limit} characters that {forge.name} takes; make it "
            f"with gitward plan --format markdown --part-size {limit}"
        )
    return found
