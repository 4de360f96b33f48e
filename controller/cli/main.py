"""Parse the command line, run one command, turn errors into exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from controller import __version__
from controller.cli import exit_codes

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("serve", "reconcile a repository, take reports, serve the API and the dashboard"),
    "validate": ("validate", "check the documents of a configuration repository"),
    "plan": ("plan", "show what a merge would add, change, move, adopt and delete"),
    "init": ("init", "start a configuration repository in a folder"),
    "fmt": ("fmt", "put the fields of documents into their usual order"),
    "export": ("export", "write what was made through the API as documents for git"),
    "comment": ("comment", "put a plan on its pull request, as one comment"),
    "schema": ("schema", "print the JSON Schema of a document kind"),
    "explain": ("explain", "explain a problem code or a check"),
    "status": ("status", "show the sources, the revision in force and what is wrong"),
    "get": ("get", "list policies, checks, exceptions or machines"),
    "score": ("score", "show a machine's score and what fails on it"),
    "exceptions": (
        "exceptions",
        "find exceptions that end soon, are unused, redundant or too broad",
    ),
    "forecast": ("forecast", "show the fleet's score day by day if no exception is renewed"),
    "reconcile": ("reconcile", "ask the controller to reconcile now"),
    "suspend": ("suspend", "stop taking revisions, with a reason; what is in force stays"),
    "resume": ("resume", "take revisions again, at once"),
    "events": ("events", "show what happened, and messages that wait or were given up"),
    "history": ("history", "show the revisions that were tried: applied, refused and held"),
    "trace": ("trace", "follow an object to its file, line, commit and author"),
    "confirm": ("confirm", "release a held plan by its digest"),
    "token": ("token", "create, list and revoke API tokens"),
    "enrollment-key": ("enrollment_key", "create, list and revoke enrolment keys"),
    "backup": ("backup", "copy the store to a file, beside a running controller"),
    "restore": ("restore", "put a backup into an empty data folder"),
    "doctor": ("doctor", "say whether this machine can run a controller"),
    "verify": ("verify", "look a data folder through: audit trail, scores, counters, inventory"),
    "agent": ("agent", "evaluate this machine and report to a controller"),
    "demo-fleet": ("demo_fleet", "enrol machines that do not exist, for demonstrations and load"),
}
"""Command to (module in this package, one line of help)."""


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: gitward COMMAND [OPTIONS]",
            "",
            "Security policies, checks and exceptions from git, enforced and scored.",
            "",
            "commands:",
            *lines,
            "",
            "gitward COMMAND --help explains a command; gitward --version prints the release.",
            "Exit codes: 0 fine, 1 problems found, 2 usage, 3 could not do the work, 4 a bug, 5 taken over.",
        ]
    )


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Never raises."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output left, as in ``| head``: nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    return code


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_help())
        return exit_codes.OK if arguments else exit_codes.USAGE
    if arguments[0] in {"-V", "--version", "version"}:
        print(f"gitward {__version__}")
        return exit_codes.OK
    name = arguments[0]
    if name not in COMMANDS:
        return _unknown(name)
    return _guarded(name, list(arguments[1:]))


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "; gitward --help lists the commands"
    print(f"gitward: unknown command {name!r}{hint}", file=sys.stderr)
    return exit_codes.USAGE


def _guarded(name: str, arguments: list[str]) -> int:
    import argparse

    from controller.errors import ControllerError, LeaseLostError, UsageError

    # Plugins would run foreign code inside validation, and looking for them slows every start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    module = import_module(f"controller.cli.commands.{COMMANDS[name][0]}")
    parser = argparse.ArgumentParser(prog=f"gitward {name}", description=COMMANDS[name][1])
    try:
        module.configure(parser)
        code: int = module.run(parser.parse_args(arguments))
    except SystemExit as exit_:  # argparse: 0 after --help, 2 on bad usage
        return exit_.code if isinstance(exit_.code, int) else exit_codes.USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        raise
    except UsageError as error:
        print(f"gitward {name}: {error}", file=sys.stderr)
        return exit_codes.USAGE
    except LeaseLostError as error:
        print(f"gitward {name}: {error}", file=sys.stderr)
        return exit_codes.TAKEN_OVER
    except ControllerError as error:
        print(f"gitward {name}: {error}", file=sys.stderr)
        return exit_codes.FAILED
    except Exception as error:  # noqa: BLE001 - the edge: everything unexpected is a bug
        return _bug(name, error)
    return code


def _bug(name: str, error: Exception) -> int:
    import traceback

    print(
        f"gitward {name}: this is a bug: {type(error).__name__}: {error}\n"
        "Please report it with what you ran; GITWARD_TRACEBACK=1 prints where it happened.",
        file=sys.stderr,
    )
    if os.environ.get("GITWARD_TRACEBACK"):
        traceback.print_exception(error)
    return exit_codes.BUG
