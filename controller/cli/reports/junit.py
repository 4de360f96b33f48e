"""JUnit XML, which every build server shows: a test case for each problem. Pure."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from controller.cli.reports.outcome import Outcome, sentence
from controller.model.problem import Problem

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(outcome: Outcome) -> str:
    """One suite; what only warns is a passed case with its words in the output."""
    cases = [_case(outcome, problem) for problem in outcome.problems]
    summary = f"{outcome.documents} documents in {outcome.files} files"
    cases = cases or [f'    <testcase classname="gitward" name={_attribute(summary)}/>']
    numbers = f'tests="{len(cases)}" failures="{outcome.errors}" errors="0" skipped="0"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuites name="gitward validate" {numbers}>',
            f'  <testsuite name="gitward validate" {numbers}>',
            *cases,
            "  </testsuite>",
            "</testsuites>",
        ]
    )


def _case(outcome: Outcome, problem: Problem) -> str:
    path = outcome.path(problem)
    place = f"{path}:{problem.line}:{problem.column}" if problem.line else path
    head = (
        f"    <testcase classname={_attribute(path)} name={_attribute(f'{place} {problem.code}')} "
        f"file={_attribute(path)}>"
    )
    said = _attribute(sentence(problem))
    if outcome.counts(problem):
        inner = f"<failure type={_attribute(problem.code)} message={said}>{_text(str(problem))}</failure>"
    else:
        inner = f"<system-out>{_text(str(problem))}</system-out>"
    return f"{head}{inner}</testcase>"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))
