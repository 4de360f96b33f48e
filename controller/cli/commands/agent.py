"""``gitward agent``: evaluate this machine and report to a controller, or try one query."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from controller.cli import exit_codes
from controller.cli.options import format_option, option, path_unless_empty


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--server", metavar="URL", help="the controller's address, https://HOST[:PORT]")
    option(parser, "--enrollment-key", metavar="KEY", help="needed until this machine is enrolled")
    option(
        parser,
        "--state",
        metavar="DIR",
        type=Path,
        default=Path("/var/lib/gitward-agent"),
        help="where this machine's identity and unsent reports are kept",
    )
    option(parser, "--once", action="store_true", help="do one round and exit")
    option(
        parser,
        "--osqueryi",
        metavar="PATH",
        type=Path,
        help="the osqueryi to ask; without one that is installed, built-in tables answer",
    )
    option(
        parser,
        "--ca-file",
        metavar="FILE",
        type=path_unless_empty,
        help="trust the authorities in this PEM file for the controller's certificate",
    )
    option(
        parser,
        "--insecure-http",
        action="store_true",
        help="allow http:// to another machine; its secret then travels readable",
    )
    option(parser, "--query", metavar="SQL", help="print the rows of one query and exit")
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Run the agent, one round of it, or one query."""
    from controller.agent import osqueryi
    from controller.errors import UsageError

    missing = [name for name in ("apsw", "psutil") if find_spec(name) is None]
    if missing and osqueryi.find(options.osqueryi) is None:
        print(
            f"gitward agent: {' and '.join(missing)} not installed, which the built-in tables need; "
            "run: pip install 'gitward[agent]'",
            file=sys.stderr,
        )
        return exit_codes.FAILED
    if options.query is not None:
        return _query(options)
    if not options.server:
        raise UsageError("--server is missing; give the controller's address")
    return _agent(options)


def _agent(options: argparse.Namespace) -> int:
    from controller.agent.loop import AgentOptions, run_agent, run_once

    settings = AgentOptions(
        server=options.server,
        state=options.state,
        enrollment_key=options.enrollment_key,
        osqueryi=options.osqueryi,
        ca_file=options.ca_file,
        insecure_http=options.insecure_http,
    )
    stop = threading.Event()

    def end(_signal: int, _frame: object) -> None:
        # From a thread: the handler may have interrupted the very lock that set() takes.
        threading.Thread(target=stop.set).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    (run_once if options.once else run_agent)(settings, stop, _say)
    return exit_codes.OK


def _say(event: str) -> None:
    print(f"gitward agent: {event}", file=sys.stderr, flush=True)


def _query(options: argparse.Namespace) -> int:
    from controller.agent.loop import open_query

    with open_query(options.osqueryi, lambda: False) as query:
        rows = query(options.query)
    if options.format == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        _print_table(rows)
    print(f"{len(rows)} row{'' if len(rows) == 1 else 's'}", file=sys.stderr)
    return exit_codes.OK


def _print_table(rows: tuple[dict[str, str], ...]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for name in rows[0]:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        # What a machine holds is data: neither markup nor an escape sequence for the terminal.
        table.add_row(*(escape(_printable(value)) for value in row.values()))
    Console().print(table)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
