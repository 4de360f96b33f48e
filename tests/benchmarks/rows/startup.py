"""How long the command takes to start."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.measure import GITWARD, PYTHON, Outcome, at_most, interleave, process, timed
from tests.benchmarks.repository import mixed_repository, write
from tests.benchmarks.server import scratch


def rows() -> list[Outcome]:
    nothing = timed(lambda: process(PYTHON, "-c", "pass"))
    outcomes = []
    for flag in ("--help", "--version"):
        theirs, ours = interleave(11, nothing, timed(partial(process, *GITWARD, flag)))
        outcomes.append(at_most(f"`{flag}`", "`python -c pass`", theirs, ours, 2.5))
    with scratch() as folder:
        write(folder, mixed_repository(20))
        theirs, ours = interleave(9, nothing, timed(lambda: process(*GITWARD, "validate", folder)))
        name = "`validate` of a 20-file repository, whole process"
        outcomes.append(at_most(name, "`python -c pass`", theirs, ours, 20))
    return outcomes
