"""A machine's score, as a table for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from controller.fleet.results import machine_results
from controller.fleet.scores import machine_score
from controller.model.terms import SEVERITIES

if TYPE_CHECKING:
    from controller.fleet.results import MachineResult
    from controller.fleet.scores import MachineScore
    from controller.store.port.store import Store

_STYLE = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "green",
    "unknown": "dim",
}
_MOST_ROWS = 15


def one_line(score: MachineScore) -> str:
    """Score, risk and compliance in a few words."""
    shown = "not assessed" if score.score is None else f"{score.score:.2f}"
    return f"score {shown}, risk {score.risk_level}, {_compliance(score.compliant)}"


def show(store: Store, uuid: str, as_of: datetime, link: str, more: str) -> None:
    """Print what ``make run`` ends with, on standard output.

    Args:
        store: Where the machine's score is.
        uuid: The machine.
        as_of: Now.
        link: Opens the dashboard, once.
        more: The command that shows all that fails.
    """
    with store.read() as reading:
        score = machine_score(reading, uuid, as_of)
        results = machine_results(reading, uuid, as_of)
        revision = reading.in_force().revision
    console = Console(width=None if Console().is_terminal else 110, highlight=False)
    console.print()
    console.print(Text(f"Revision applied  {revision or 'none'}"))
    console.print(Text(f"Machine           {score.hostname}  {score.agent_uuid}"))
    console.print(Text(f"Overall           {one_line(score)}", style="bold"))
    bare = score.without_exceptions
    if bare.score != score.score:
        console.print(Text(f"                  {bare.score:.2f} without exceptions"))
    console.print()
    console.print(_policies(score))
    failing = [each for each in results if each.status in {"failed", "error"}]
    if failing:
        failing.sort(key=lambda each: (SEVERITIES.index(each.severity), each.check_id))
        console.print()
        console.print(_failures(failing))
        if len(failing) > _MOST_ROWS:
            console.print(Text(f"... and {len(failing) - _MOST_ROWS} more: {more}"))
    console.print()
    console.print(Text("Open the dashboard (the link signs you in, once, within ten minutes):"))
    # Whole on one line, however narrow the terminal: it is there to be clicked.
    console.print(Text(f"  {link}", no_wrap=True, overflow="ignore"), soft_wrap=True)
    console.print("Serving until interrupted (Ctrl-C).")


def _policies(score: MachineScore) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Policy", "Score", "Passes at", "Risk", "Compliant", "Passed", "Failed", "Error"):
        right = name in {"Score", "Passes at", "Passed", "Failed", "Error"}
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "Policy")
    for each in score.policies:
        table.add_row(
            escape(each.name),
            "-" if each.score is None else f"{each.score:.2f}",
            f"{each.passing_score_threshold:g}",
            Text(each.risk_level, style=_STYLE[each.risk_level]),
            _compliance(each.compliant),
            str(each.counts.passed),
            str(each.counts.failed),
            str(each.counts.error),
        )
    return table


def _failures(failing: list[MachineResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("Severity", no_wrap=True)
    table.add_column("Failing check", no_wrap=True)
    table.add_column("How to fix it")
    for each in failing[:_MOST_ROWS]:
        remedy = each.remediation.steps[0] if each.remediation.steps else each.remediation.command
        if each.status == "error":
            remedy = f"could not be determined: {each.details}"
        table.add_row(
            Text(each.severity, style=_STYLE[each.severity]), escape(each.check_id), escape(remedy)
        )
    return table


def _compliance(compliant: bool | None) -> str:
    if compliant is None:
        return "not assessed"
    return "compliant" if compliant else "not compliant"
