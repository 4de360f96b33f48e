"""``gitward score``: a machine's score, its policies, and the checks that fail on it."""

from __future__ import annotations

import argparse
import json

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import format_option
from controller.cli.table import cell, print_table, printable, short_time
from controller.model.terms import SEVERITIES


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options."""
    parser.add_argument("machine", metavar="UUID|HOSTNAME")
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the score; 1 when the machine is not compliant."""
    with open_access(options) as controller:
        score = controller.score(options.machine)
        results = [] if options.format == "json" else controller.results(score["agent_uuid"])
    if options.format == "json":
        print(json.dumps(score, indent=2))
    else:
        _show(score)
        _show_failing([each for each in results if each["status"] in {"failed", "error"}])
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


def _show_failing(failing: list[Body]) -> None:
    if not failing:
        return
    failing.sort(key=lambda each: (SEVERITIES.index(each["severity"]), each["check_id"]))
    print()
    print_table(
        ("SEVERITY", "CHECK", "STATUS", "SINCE", "TITLE"),
        [
            (each["severity"], each["check_id"], each["status"],
             short_time(each["status_since"]), each["title"])
            for each in failing
        ],
    )  # fmt: skip
    print(f"\nhow to put one right: gitward explain {failing[0]['check_id']}")


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
