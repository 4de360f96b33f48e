"""``gitward score``: a machine's score, and under which policies it fails."""

from __future__ import annotations

import argparse
import json

from controller.cli import exit_codes
from controller.cli.access import Body
from controller.cli.opening import access_options, open_access
from controller.cli.options import format_option
from controller.cli.table import cell, print_table, printable


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("machine", metavar="UUID|HOSTNAME")
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the score; 1 when the machine is not compliant."""
    with open_access(options) as controller:
        score = controller.score(options.machine)
    if options.format == "json":
        print(json.dumps(score, indent=2))
    else:
        _show(score)
    return exit_codes.PROBLEMS if score["compliant"] is False else exit_codes.OK


def _show(score: Body) -> None:
    bare = score["without_exceptions"]
    print(printable(f"{score['hostname']}  {score['agent_uuid']}"))
    print(f"score      {_line(score)}{', stale' if score['stale'] else ''}")
    print(f"           {_line(bare)} without exceptions")
    print(f"coverage   {cell(score['coverage'])}")
    print("checks     " + ", ".join(f"{count} {name}" for name, count in score["counts"].items()))
    print(f"revision   {cell(score['revision'])}")
    if score["policies"]:
        print()
        print_table(
            ("POLICY", "SCORE", "THRESHOLD", "COMPLIANT", "RISK", "PASSED", "FAILED", "EXEMPTED"),
            [_row(policy) for policy in score["policies"]],
        )


def _row(policy: Body) -> list[object]:
    plain = [
        policy[key]
        for key in ("policy_id", "score", "passing_score_threshold", "compliant", "risk_level")
    ]
    return [*plain, *(policy["counts"][key] for key in ("passed", "failed", "exempted"))]


def _line(score: Body) -> str:
    compliant = {True: "compliant", False: "not compliant", None: "nothing to judge"}
    shown = "none" if score["score"] is None else f"{score['score']:.2f}"
    return f"{shown}, risk {score['risk_level']}, {compliant[score['compliant']]}"
