"""``gitward token``: create, list and revoke API tokens."""

from __future__ import annotations

import argparse
import json

from controller.cli import exit_codes
from controller.cli.access.opening import access_options, open_access
from controller.cli.durations import ends_at
from controller.cli.options import format_option, option
from controller.cli.table import print_table, short_time
from controller.model.terms import ROLES


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the three actions with their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
    create = actions.add_parser("create", help="make a token and print it, alone, this once")
    create.add_argument("name", help="whose it is; shown in the audit trail")
    option(
        create, "--role", choices=ROLES, required=True, help="each may do what those before it may"
    )
    option(create, "--expires", type=ends_at, metavar="WHEN", help="30d, 12h or a date")
    access_options(create)
    listing = actions.add_parser("list", help="list tokens without their secrets")
    access_options(listing)
    format_option(listing, "text", "json")
    revoke = actions.add_parser("revoke", help="revoke a token; its next request fails")
    revoke.add_argument("id", help="as the list shows it")
    access_options(revoke)


def run(options: argparse.Namespace) -> int:
    """Do the one that was asked for."""
    with open_access(options, create=options.action == "create") as controller:
        match options.action:
            case "create":
                print(controller.create_token(options.name, options.role, options.expires))
            case "revoke":
                controller.revoke("tokens", options.id)
                print(f"token {options.id} is revoked")
            case _:
                entries = controller.entries("tokens")
                if options.format == "json":
                    print(json.dumps({"items": entries, "total": len(entries)}, indent=2))
                else:
                    print_table(
                        ("ID", "NAME", "ROLE", "CREATED", "EXPIRES", "REVOKED"),
                        [
                            [each["id"], each["name"], each["role"]]
                            + [
                                short_time(each[f"{when}_at"])
                                for when in ("created", "expires", "revoked")
                            ]
                            for each in entries
                        ],
                    )
    return exit_codes.OK
