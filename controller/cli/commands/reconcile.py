"""``gitward reconcile``: ask the controller for a pass now. It goes past no guard."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

from controller.cli import exit_codes
from controller.cli.access.interface import Access, Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.commands.status import describe, is_ready
from controller.cli.options import option
from controller.errors import NotFoundError

_LOOK_SECONDS: Final = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    access_options(parser)
    option(parser, "--source", metavar="NAME", help="which source; needed when there are several")
    option(
        parser, "--wait", action="store_true", help="until the pass is done; 1 if it is not ready"
    )
    option(
        parser, "--timeout", type=float, default=300.0, metavar="SECONDS", help="for --wait (300)"
    )


def run(options: argparse.Namespace) -> int:
    """Request a pass, and wait for it if asked to."""
    with open_access(options) as controller:
        name, number = controller.request(options.source)
        if not options.wait:
            print(f"source {name}: request {number} is stored")
            return exit_codes.OK
        source = _handled(controller, name, number, options.timeout)
    if source is None:
        print(
            f"gitward reconcile: no pass was finished within {options.timeout:g} s; request {number} "
            "is kept; is gitward serve running there?",
            file=sys.stderr,
        )
        return exit_codes.FAILED
    print(describe(source))
    return exit_codes.OK if is_ready(source) else exit_codes.PROBLEMS


def _handled(controller: Access, name: str, number: int, seconds: float) -> Body | None:
    """The source once a pass that started with the request has ended; none after the time."""
    end = time.monotonic() + seconds
    while True:
        source = next((each for each in controller.sources() if each["name"] == name), None)
        if source is None:
            raise NotFoundError(f"the source {name!r} is gone")
        if source["handled_request"] >= number:
            return source
        if time.monotonic() >= end:
            return None
        time.sleep(_LOOK_SECONDS)
