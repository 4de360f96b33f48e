"""A plan as a gate: whether it may be merged without another look."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from controller.cli import exit_codes
from controller.cli.options import option
from controller.cli.table import printable
from controller.errors import UsageError


def gate_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; with any of them 0 means that the gate passes, and 1 that it does not."""
    option(
        parser,
        "--max-newly-noncompliant",
        type=_limit,
        metavar="N",
        help="gate: at most so many machines may become non-compliant; needs --server",
    )
    option(
        parser,
        "--deny-weakening",
        action="store_true",
        help="gate: no change may weaken what is demanded",
    )


def gate(body: dict[str, Any], options: argparse.Namespace) -> int:
    """Say what stands against the plan, and return the exit code."""
    reasons = []
    if options.deny_weakening:
        weakens = weakening(body)
        if weakens:
            more = f" and {len(weakens) - 5} more" if len(weakens) > 5 else ""
            reasons.append(f"weakens what is demanded: {', '.join(weakens[:5])}{more}")
    limit, impact = options.max_newly_noncompliant, body["impact"]
    if limit is not None and (body["operations"] or body["settings"]):
        if impact is None:
            _say("--max-newly-noncompliant cannot be judged without the fleet's data; give --server "
                 "and a token")  # fmt: skip
            return exit_codes.FAILED
        if impact["newly_noncompliant"] > limit:
            reasons.append(f"{impact['newly_noncompliant']} machines become non-compliant, at most "
                           f"{limit} may")  # fmt: skip
        if impact["complete_share"] < 1:
            share = f"{100 * impact['complete_share']:.2f}"
            _say(f"only for {share} % of the machines can be said what they will score; the rest must "
                 "report first")  # fmt: skip
    for reason in reasons:
        _say(f"refused: {printable(reason)}")
    return exit_codes.PROBLEMS if reasons else exit_codes.OK


def weakening(body: dict[str, Any]) -> list[str]:
    """The names of what weakens."""
    found = [f"{op['kind']}/{op['id']}" for op in body["operations"] if op["effect"] == "weakens"]
    return found + (["gitward.yaml"] if body["settings_effect"] == "weakens" else [])


def _say(message: str) -> None:
    print(f"gitward plan: {message}", file=sys.stderr)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UsageError(f"--max-newly-noncompliant {text!r} is no whole number from 0")
    return int(text)
