"""Ratios taken in one run: ours and the reference in turn, medians of several rounds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
GITWARD = (PYTHON, "-m", "controller")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table."""

    operation: str
    reference: str
    theirs: str
    ours: str
    ratio: str
    demanded: str
    holds: bool | None
    """None for a figure that nothing is demanded of."""


def faster(
    operation: str, reference: str, theirs: float, ours: float, at_least: float, unit: str = "s"
) -> Outcome:
    """Ours must be faster by this factor."""
    ratio = theirs / ours
    return Outcome(
        operation,
        reference,
        show(theirs, unit),
        show(ours, unit),
        f"{ratio:,.1f}x",
        f"at least {at_least:,.10g}x",
        ratio >= at_least,
    )


def at_most(
    operation: str, reference: str, theirs: float, ours: float, most: float, unit: str = "s"
) -> Outcome:
    """Ours may be slower by no more than this factor."""
    ratio = ours / theirs
    return Outcome(
        operation,
        reference,
        show(theirs, unit),
        show(ours, unit),
        f"{ratio:,.2f}x",
        f"at most {most:.10g}x",
        ratio <= most,
    )


def below(operation: str, ours: float, most: float, unit: str = "s") -> Outcome:
    """A bound that is demanded as such."""
    bound = show(most, unit)
    return Outcome(operation, "", "", show(ours, unit), "", f"under {bound}", ours < most)


def above(operation: str, ours: float, least: float, unit: str) -> Outcome:
    """A bound from below that is demanded as such."""
    bound = show(least, unit)
    return Outcome(operation, "", "", show(ours, unit), "", f"at least {bound}", ours >= least)


def figure(operation: str, ours: str) -> Outcome:
    """A number without a demand."""
    return Outcome(operation, "", "", ours, "", "figure only", None)


def show(value: float, unit: str) -> str:
    """Seconds in a fitting unit; anything else as a number."""
    if unit != "s":
        return f"{value:,.0f} {unit}"
    for factor, name in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {name}" if value < 100 else f"{value:.0f} s"
    return f"{value * 1e9:.3g} ns"


def interleave(rounds: int, *jobs: Callable[[], float]) -> list[float]:
    """Run every job once a round, in turn; the median of what each returned."""
    kept: list[list[float]] = [[] for _ in jobs]
    for number in range(rounds):
        # Who goes first changes, so that nobody always meets a warm machine.
        order = range(len(jobs)) if number % 2 == 0 else reversed(range(len(jobs)))
        for index in order:
            os.sync()  # nobody waits for what another left for the disk
            kept[index].append(jobs[index]())
    return [statistics.median(values) for values in kept]


def timed(job: Callable[[], object]) -> Callable[[], float]:
    """The job as one that returns how long it took, in seconds."""

    def run() -> float:
        started = time.perf_counter()
        job()
        return time.perf_counter() - started

    return run


def process(*command: str | Path, cwd: Path = ROOT, accept: Sequence[int] = (0,)) -> None:
    """Run a whole process to its end; what it prints goes nowhere."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        capture_output=True,
        check=False,
        env=environment(),
    )
    if done.returncode not in accept:
        raise RuntimeError(
            f"{command}: exit code {done.returncode}\n{done.stderr.decode()[-2000:]}"
        )


def environment() -> dict[str, str]:
    """This process's environment, with our package found from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
