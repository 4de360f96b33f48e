"""``python -m tests.benchmarks``: every row of the table, or the ones that are named."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from tests.benchmarks.measure import Outcome
from tests.benchmarks.results import table, write

MODULES = (
    "startup",
    "validate",
    "reconcile",
    "intake",
    "scoring",
    "impact",
    "dashboard",
    "fleet",
    "herd",
    "catalogs",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--row", action="append", choices=MODULES, help="only these rows")
    options = parser.parse_args()
    wanted = options.row or MODULES
    outcomes: list[Outcome] = []
    for name in wanted:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found = import_module(f"tests.benchmarks.rows.{name}").rows()
        print(table(found), flush=True)
        outcomes += found
    if options.row is None:
        write(outcomes)
    short = [each for each in outcomes if each.holds is False]
    for each in short:
        print(f"falls short: {each.operation}: {each.ratio or each.ours} ({each.demanded})")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
