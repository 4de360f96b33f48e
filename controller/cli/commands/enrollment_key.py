"""``gitward enrollment-key``: create, list and revoke the keys that machines enrol with."""

from __future__ import annotations

import argparse
import json
import re

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.durations import ends_at
from controller.cli.options import format_option, option
from controller.cli.table import print_table, short_time

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,62}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the three actions with their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
    create = actions.add_parser("create", help="make a key and print it, alone, this once")
    option(create, "--name", default="", help="what it is for")
    option(
        create, "--tag", action="append", type=_tag, metavar="T", help="its machines get this tag"
    )
    option(create, "--uses", type=_uses, metavar="N", help="how many machines; default: any number")
    option(create, "--expires", type=ends_at, metavar="WHEN", help="30d, 12h or a date")
    access_options(create)
    listing = actions.add_parser("list", help="list keys without their secrets")
    access_options(listing)
    format_option(listing, "text", "json")
    revoke = actions.add_parser("revoke", help="revoke a key; machines that used it stay")
    revoke.add_argument("id", help="as the list shows it")
    access_options(revoke)


def run(options: argparse.Namespace) -> int:
    """Do the one that was asked for."""
    with open_access(options, create=options.action == "create") as controller:
        match options.action:
            case "create":
                tags, uses = options.tag or [], options.uses
                print(controller.create_enrollment_key(options.name, tags, uses, options.expires))
            case "revoke":
                controller.revoke("enrollment-keys", options.id)
                print(f"enrolment key {options.id} is revoked")
            case _:
                entries = controller.entries("enrollment-keys")
                if options.format == "json":
                    print(json.dumps({"items": entries, "total": len(entries)}, indent=2))
                else:
                    headers = ("ID", "NAME", "TAGS", "USES LEFT", "CREATED", "EXPIRES", "REVOKED")
                    print_table(headers, [_row(each) for each in entries])
    return exit_codes.OK


def _row(each: Body) -> list[object]:
    times = [short_time(each[f"{when}_at"]) for when in ("created", "expires", "revoked")]
    uses = "any" if each["uses_left"] is None else each["uses_left"]
    return [each["id"], each["name"], each["tags"], uses, *times]


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}: letters, digits and . _ : - only, at most 63")
    return text


def _uses(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to 1000000")
    return int(text)
