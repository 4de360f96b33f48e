"""Workflow commands of GitHub Actions: each problem is shown at its line of the difference. Pure."""

from __future__ import annotations

from controller.cli.reports.outcome import Outcome, sentence
from controller.model.problem import Problem


def render(outcome: Outcome) -> str:
    """One command a line; what a document says cannot end its line or start a command."""
    return "\n".join(_command(outcome, problem) for problem in outcome.problems)


def _command(outcome: Outcome, problem: Problem) -> str:
    name = "error" if outcome.counts(problem) else "warning"
    properties = {"file": outcome.path(problem), "title": f"gitward {problem.code}"}
    if problem.line:
        properties |= {"line": str(problem.line), "col": str(problem.column)}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {told}::{_data(sentence(problem))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
