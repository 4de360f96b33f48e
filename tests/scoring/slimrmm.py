"""What SlimRMM's agent answers for osquery rows, said again in Python.

From what is known of its comparators (2.1.193 to 2.3.14): the operators, Go's reading of a number at
the start of a text, and 64-bit floats. "by chance" is where it depends on the order of a Go map.
"""

from __future__ import annotations

import math
import operator as op
import re
from collections.abc import Sequence

Rows = Sequence[dict[str, str]]
_COMPARE = {"gte": op.ge, "lte": op.le, "gt": op.gt, "lt": op.lt}
# What Go's scanner takes for one number; it is parsed afterwards, and may then be none.
_TOKEN = re.compile(
    r"[ \t]*([+-]?(?:nan|inf|0x[0-9a-f_]*(?:\.[0-9a-f_]*)?(?:p[+-]?[0-9_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[ep][+-]?[0-9_]*)?))",
    re.IGNORECASE,
)


def answer(operator: str, expected: dict[str, str] | str | None, rows: Rows) -> str:
    if operator == "exists":
        return _word(bool(rows))
    if operator == "not_exists":
        return _word(not rows)
    if expected is None:
        return "passed"
    if operator not in {"equals", "contains", "not_equals", *_COMPARE}:
        return "failed"
    if not isinstance(expected, dict):
        return "failed"
    if operator in _COMPARE:
        return _numeric(operator, expected, rows)
    found = any(all(row.get(key) == value for key, value in expected.items()) for row in rows)
    return _word(found != (operator == "not_equals"))


def _numeric(operator: str, expected: dict[str, str], rows: Rows) -> str:
    verdicts = set()
    for key, bound in expected.items():
        row = next((row for row in rows if key in row), None)
        if row is None:
            continue
        actual, wanted = number(row[key]), number(bound)
        if actual is None or wanted is None:
            verdicts.add("failed")
        else:
            verdicts.add(_word(_COMPARE[operator](actual, wanted)))
    return "by chance" if len(verdicts) > 1 else next(iter(verdicts), "failed")


def number(text: str) -> float | None:
    found = _TOKEN.match(text)
    token = found.group(1) if found else ""
    if "_" in token or re.match(r"[+-]?0x", token, re.IGNORECASE):
        return None
    try:
        value = float(token)
    except ValueError:
        return None
    return value if math.isfinite(value) or "n" in token.lower() else None


def _word(passed: object) -> str:
    return "passed" if passed else "failed"
