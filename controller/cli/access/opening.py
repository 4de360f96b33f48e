"""The controller that a command's options name: one over HTTP, or a data folder on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.cli.access.interface import Access
from controller.cli.options import option, path_unless_empty


def credential_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say who asks a ``--server``, and whom to trust there."""
    option(parser, "--token", metavar="TOKEN", help="a user token for --server")
    option(
        parser,
        "--ca-file",
        type=path_unless_empty,
        metavar="FILE",
        help="trust these authorities for --server",
    )


def access_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which controller is meant."""
    option(parser, "--server", metavar="URL", help="a controller's address; else --data is read")
    credential_options(parser)
    option(
        parser,
        "--data",
        type=Path,
        default=Path(".gitward"),
        metavar="DIR",
        help="a controller's data folder on this machine (default: .gitward)",
    )


@contextmanager
def open_access(options: argparse.Namespace, *, create: bool = False) -> Iterator[Access]:
    """The controller that the options name.

    Args:
        options: Parsed, with those of ``access_options``.
        create: Make the data folder when it is not there yet.
    """
    if options.server:
        from controller.cli.access.remote import Remote

        with Remote(options.server, options.token, options.ca_file) as remote:
            yield remote
    else:
        from controller.cli.access.local import open_local

        with open_local(options.data, create=create) as local:
            yield local
