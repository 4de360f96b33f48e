"""What one check must be in itself. Pure, apart from compiling its queries."""

from __future__ import annotations

from collections.abc import Iterator

from controller.config.finding import Finding, did_you_mean
from controller.config.osquery import compile_query
from controller.config.rules import agents
from controller.config.rules.lists import twice
from controller.model.documents import Check
from controller.model.terms import EXISTENCE_OPERATORS, KNOWN_CATEGORIES, NUMERIC_OPERATORS
from controller.scoring.judge import number_prefix


def findings(check: Check) -> Iterator[Finding]:
    """Expectation, category, queries, and what agents would refuse."""
    yield from _expectation(check)
    yield from twice("platforms", check.platforms)
    if check.category not in KNOWN_CATEGORIES:
        hint = did_you_mean(check.category, KNOWN_CATEGORIES)
        message = f"{check.category!r} is none of the eight categories that reports group by"
        yield Finding("GW218", ("category",), message + (hint or "; fine if it is your own"))
    if check.check_type == "osquery":
        yield from _query(check)
    if check.applies_when is not None:
        for code, message in compile_query(check.applies_when, check.platforms).problems:
            yield Finding(code, ("applies_when",), message)
    yield from agents.findings(check)


def _expectation(check: Check) -> Iterator[Finding]:
    operator, expected, field = check.comparison_operator, check.expected_result, "expected_result"
    if operator in EXISTENCE_OPERATORS:
        if expected is not None:
            message = f"{operator} looks at whether rows come back; remove expected_result"
            yield Finding("GW216", (field,), message)
        return
    if expected is None or expected == {}:
        message = f"{operator} needs something to compare with; add {{column: text}}"
        yield Finding("GW216", (field,), message)
    elif check.check_type == "osquery" and not isinstance(expected, dict):
        message = "a query returns columns; name the one that is meant: {column: text}"
        yield Finding("GW216", (field,), message)
    elif operator in NUMERIC_OPERATORS:
        yield from _number(operator, expected)


def _number(operator: str, expected: dict[str, str] | str) -> Iterator[Finding]:
    values = expected if isinstance(expected, dict) else {"": expected}
    if len(values) != 1:
        message = f"{operator} compares exactly one column, here are {len(values)}; split the check"
        yield Finding("GW217", ("expected_result",), message)
    for column, value in values.items():
        if number_prefix(value) is None:
            place = ("expected_result", column) if column else ("expected_result",)
            yield Finding("GW217", place, f"{value!r} is not a number; {operator} needs one")


def _query(check: Check) -> Iterator[Finding]:
    compiled = compile_query(check.query, check.platforms)
    for code, message in compiled.problems:
        yield Finding(code, ("query",), message)
    if compiled.columns is None or not isinstance(check.expected_result, dict):
        return
    for column in check.expected_result:
        if column not in compiled.columns:
            hint = did_you_mean(column, compiled.columns)
            returned = ", ".join(sorted(compiled.columns)[:10])
            message = f"the query does not return {column!r}{hint or '; it returns ' + returned}"
            yield Finding("GW236", ("expected_result", column), message)
