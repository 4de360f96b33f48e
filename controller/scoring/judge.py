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


Rows = Sequence[Mapping[str, str]]
Judging = Callable[[Rows], Verdict]
"""Judges the rows of one check."""


def judge(operator: str, expected: Mapping[str, str] | str | None, rows: Rows) -> Verdict:
    """Say whether the rows are what the check expects.

    Every row set gets a verdict: what cannot be judged (an unknown operator, an expectation of the
    wrong shape) is ``error``, never a silent pass.
    """
    return judging(operator, expected)(rows)


def judging(operator: str, expected: Mapping[str, str] | str | None) -> Judging:
    """``judge`` for many sets of rows of one check: what the check alone decides is settled once."""
    if operator == "exists":
        return _counting(wanted=True, told="at least one expected")
    if operator == "not_exists":
        return _counting(wanted=False, told="none expected")
    if not isinstance(expected, Mapping) or not expected:
        return _wrong("the check expects nothing that rows could be compared with")
    if operator in {"equals", "contains"}:
        return _matching(expected, wanted=True, told=f"one with {_show(expected)} expected")
    if operator == "not_equals":
        return _matching(expected, wanted=False, told=f"none with {_show(expected)} expected")
    if operator in _COMPARE:
        return _comparing(operator, expected)
    return _wrong(f"unknown operator {operator!r}")


def _wrong(details: str) -> Judging:
    return lambda _rows: Verdict("error", details)


def _counting(*, wanted: bool, told: str) -> Judging:
    def judge_count(rows: Rows) -> Verdict:
        return _verdict(bool(rows) is wanted, f"{len(rows)} row(s) returned, {told}")

    return judge_count


def _matching(expected: Mapping[str, str], *, wanted: bool, told: str) -> Judging:
    pairs = tuple(expected.items())

    def judge_match(rows: Rows) -> Verdict:
        found = False
        for row in rows:
            for column, value in pairs:
                if row.get(column) != value:
                    break
            else:
                found = True
                break
        return _verdict(found is wanted, f"{len(rows)} row(s) returned, {told}")

    return judge_match


def _comparing(operator: str, expected: Mapping[str, str]) -> Judging:
    if len(expected) != 1:
        return _wrong(f"{operator!r} compares exactly one column")
    ((column, bound_text),) = expected.items()
    bound = number_prefix(bound_text)
    if bound is None:
        return _wrong(f"expected {column} is not a number: {bound_text!r}")
    compare, wanted = _COMPARE[operator], f"expected {column} {_SYMBOL[operator]} {bound_text}"

    def judge_number(rows: Rows) -> Verdict:
        for row in rows:
            if column in row:
                break
        else:
            return Verdict("failed", f"no row has {column}; {wanted}")
        actual = number_prefix(row[column])
        if actual is None:
            return Verdict("failed", f"{column} is not a number: {row[column]!r}; {wanted}")
        return _verdict(compare(actual, bound), f"{column} is {actual}; {wanted}")

    return judge_number


def number_prefix(text: str) -> Decimal | None:
    """The number a text begins with ("14 days" is 14, "1.5e+09" is 1500000000), or none."""
    found = _NUMBER_PREFIX.match(text[:64])
    return Decimal(found.group(1)) if found else None


def _show(expected: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {value!r}" for column, value in expected.items())


def _verdict(passed: bool, details: str) -> Verdict:
    return Verdict("passed" if passed else "failed", details)
