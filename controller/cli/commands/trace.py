"""``gitward trace OBJECT``: from an object to its file, line, commit and author, and all done to it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import format_option
from controller.cli.table import printable, short_time


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("object", help="policy/ID, check/ID or exception/ID")
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Trace."""
    with open_access(options) as controller:
        found = controller.trace(options.object)
    if options.format == "json":
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(map(printable, _lines(found))))
    return exit_codes.OK


def _lines(found: Body) -> Iterator[str]:
    managed = f"managed by {found['manager']}" if found["manager"] else "deleted"
    if found["deleted_at"]:
        managed += f" {short_time(found['deleted_at'])}"
    yield f"{found['object']}: {managed}"
    if found["path"]:
        at = found.get("file_commit")  # an older controller does not say
        yield f"  declared   {found['path']}:{found['line']}{f' at {at[:12]}' if at else ''}"
    if found["url"]:
        yield f"             {found['url']}"
    if found["commit"]:
        yield f"  commit     {found['commit']} {short_time(found['committed_at']) or ''}".rstrip()
    if found["author"]:
        email = f" <{found['email']}>" if found["email"] else ""
        yield f"  author     {found['author']}{email}: {found['subject']}"
    if found["revision"]:
        since = short_time(found["in_force_since"] or found["deleted_at"])
        yield f"  in force   {found['revision']} since {since}"
    if found["history"]:
        yield "  history"
    for entry in found["history"]:
        revision = f" {entry['revision']}" if entry["revision"] else ""
        yield f"    {short_time(entry['at'])}  {entry['action']} by {entry['actor']}{revision}"
