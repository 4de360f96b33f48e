"""Judge rows against a check's operator and expectation. Pure.

The agent and the controller call this same function. The rules are those that SlimRMM's agent
applies to osquery rows (docs/reference/slimrmm.md), so that a catalog gives one answer everywhere;
where ours differ on purpose, docs/reference/operators.md lists it.
"""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple

# An exponent counts: osquery prints large real numbers as 1.5e+09.
_NUMBER_PREFIX: Final = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3}(?!\d))?)")
_COMPARE: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "gte": op.ge,
    "lte": op.le,
    "gt": op.gt,
    "lt": op.lt,
}
_SYMBOL: Final = {"gte": ">=", "lte": "<=", "gt": ">", "lt": "<"}


class Verdict(NamedTuple):
    """An outcome with a sentence that explains it."""

    outcome: Literal["passed", "failed", "error"]
    details: str


def judge(
    operator: str,
    expected: Mapping[str, str] | str | None,
    rows: Sequence[Mapping[str, str]],
) -> Verdict:
    """Say whether the rows are what the check expects.

    Every row set gets a verdict: what cannot be judged (an unknown operator, an expectation of the
    wrong shape) is ``error``, never a silent pass.
    """
    if operator == "exists":
        return _verdict(bool(rows), f"{len(rows)} row(s) returned, at least one expected")
    if operator == "not_exists":
        return _verdict(not rows, f"{len(rows)} row(s) returned, none expected")
    if not isinstance(expected, Mapping) or not expected:
        return Verdict("error", "the check expects nothing that rows could be compared with")
    if operator in {"equals", "contains"}:
        return _verdict(
            any(_matches(row, expected) for row in rows),
            f"{len(rows)} row(s) returned, one with {_show(expected)} expected",
        )
    if operator == "not_equals":
        return _verdict(
            not any(_matches(row, expected) for row in rows),
            f"{len(rows)} row(s) returned, none with {_show(expected)} expected",
        )
    if operator in _COMPARE:
        return _judge_number(operator, expected, rows)
    return Verdict("error", f"unknown operator {operator!r}")


def number_prefix(text: str) -> Decimal | None:
    """The number a text begins with ("14 days" is 14, "1.5e+09" is 1500000000), or none."""
    found = _NUMBER_PREFIX.match(text[:64])
    return Decimal(found.group(1)) if found else None


def _judge_number(
    operator: str, expected: Mapping[str, str], rows: Sequence[Mapping[str, str]]
) -> Verdict:
    if len(expected) != 1:
        return Verdict("error", f"{operator!r} compares exactly one column")
    ((column, bound_text),) = expected.items()
    bound = number_prefix(bound_text)
    if bound is None:
        return Verdict("error", f"expected {column} is not a number: {bound_text!r}")
    row = next((row for row in rows if column in row), None)
    wanted = f"{column} {_SYMBOL[operator]} {bound_text}"
    if row is None:
        return Verdict("failed", f"no row has {column}; expected {wanted}")
    actual = number_prefix(row[column])
    if actual is None:
        return Verdict("failed", f"{column} is not a number: {row[column]!r}; expected {wanted}")
    return _verdict(_COMPARE[operator](actual, bound), f"{column} is {actual}; expected {wanted}")


def _matches(row: Mapping[str, str], expected: Mapping[str, str]) -> bool:
    return all(row.get(column) == value for column, value in expected.items())


def _show(expected: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {value!r}" for column, value in expected.items())


def _verdict(passed: bool, details: str) -> Verdict:
    return Verdict("passed" if passed else "failed", details)
