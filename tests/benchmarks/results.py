"""The table of results, on the screen and as ``RESULTS.md``."""

from __future__ import annotations

import datetime
import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measure import ROOT, Outcome

FILE = Path(__file__).parent / "RESULTS.md"


def table(outcomes: Sequence[Outcome]) -> str:
    lines = [
        "| operation | reference | reference takes | ours | ratio | demanded | |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in outcomes:
        mark = {True: "reached", False: "**falls short**", None: ""}[each.holds]
        lines.append(
            f"| {each.operation} | {each.reference} | {each.theirs} | {each.ours} | {each.ratio} "
            f"| {each.demanded} | {mark} |"
        )
    return "\n".join(lines)


def library() -> str:
    """The version of SQLite that the store uses."""
    try:
        import pysqlite3
    except ImportError:
        return sqlite3.sqlite_version
    return str(pysqlite3.sqlite_version)


def machine() -> str:
    """What it was measured on."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({found.group(1) if found else platform.machine()}), "
        f"{memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {library()}, {git.strip()}, "
        f"load average at the end {load}"
    )


def write(outcomes: Sequence[Outcome]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    FILE.write_text(
        "# Results of `make bench`\n\n"
        "Written by the program; only the ratios count, since both sides of each ran in turn on the "
        "same machine in the same run.\n\n"
        f"{day}, commit {commit}, {machine()}.\n\n{table(outcomes)}\n"
    )
