"""``gitward status``: the sources, the revision in force and what is wrong."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from controller.cli import exit_codes
from controller.cli.access.interface import Body
from controller.cli.access.opening import access_options, open_access
from controller.cli.options import format_option
from controller.cli.table import printable, short_time


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    access_options(parser)
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print the status; 1 when a source is not ready."""
    with open_access(options) as controller:
        sources = controller.sources()
    if options.format == "json":
        print(json.dumps({"sources": sources}, indent=2))
    elif not sources:
        print("no source yet; gitward serve --repo adds one")
    else:
        print("\n\n".join(describe(source) for source in sources))
    return exit_codes.OK if sources and all(map(is_ready, sources)) else exit_codes.PROBLEMS


def is_ready(source: Body) -> bool:
    """Whether its newest revision is in force."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in source["conditions"])


def describe(source: Body) -> str:
    """One source for people, problems with file and line."""
    path = f" {source['path']}" if source["path"] else ""
    lines = [
        f"source {source['name']}: {source['url']} {source['ref']}{path}",
        f"  in force   {source['last_applied_revision'] or 'nothing yet'}",
    ]
    if source["last_applied_at"]:
        lines[-1] += f" since {short_time(source['last_applied_at'])}"
    if source["last_attempted_revision"] != source["last_applied_revision"]:
        lines.append(f"  attempted  {source['last_attempted_revision']}")
    if source["suspended"]:
        until = short_time(source["suspend_until"]) or "resumed"
        who, why = source["suspended_by"], source["suspend_reason"]
        lines.append(f"  suspended  by {who} until {until}: {why}")
    for condition in source["conditions"]:
        told = f"{condition['status']} {condition['reason']}: {condition['message']}"
        lines.append(f"  {condition['type']:<10} {told}")
    if source["held_plan"]:
        lines.append(f"  held       {source['held_plan']['digest']}")
        lines += [f"    deletes {each}" for each in source["held_plan"]["deletes"]]
    warnings = [each for each in source["problems"] if each["level"] == "warning"]
    errors = [each for each in source["problems"] if each["level"] != "warning"]
    if errors:
        lines.append(f"  problems   {len(errors)}")
        lines += [f"    {_problem(each)}" for each in errors]
    if warnings:
        counts = Counter(each["code"] for each in warnings).most_common()
        shown = ", ".join(f"{count} {code}" for code, count in counts)
        lines.append(f"  warnings   {shown}; gitward validate shows them")
    return "\n".join(map(printable, lines))


def _problem(problem: Body) -> str:
    place = problem["path"]
    if problem["line"]:
        place += f":{problem['line']}:{problem['column']}"
    field = f" {problem['field']}:" if problem["field"] else ""
    return f"{place}: {problem['code']}{field} {problem['message']}"
