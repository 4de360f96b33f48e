"""What a plain scalar means: YAML 1.2 core, and a refusal where YAML 1.1 would read otherwise. Pure.

Reviewers and other tools read these files too, many of them by YAML 1.1 rules. So a value that the
two versions read differently as something other than text is refused instead of guessed. Words
(``no``, ``on``) and ``22:30`` are simply text, as YAML 1.2 has it.
"""

from __future__ import annotations

import math
import re
from typing import Final

WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
TIME_FIELDS: Final = frozenset({"starts_at", "expires_at"})
"""Where a date or a time may stand without quotes."""
NUMBER_START: Final = frozenset("0123456789+-.")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_AMBIGUOUS: Final = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"  # other bases
    r"|[0-9][0-9_]*(\.[0-9_]*)?|\.[0-9_]+"  # digits in groups
    r"|([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)[eE][-+]?[0-9]+)"  # exponents
)
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?)?"
)
_MOST_DIGITS: Final = 20
_INT_LIMIT: Final = 2**63


class RefusedScalarError(ValueError):
    """Raised for a plain scalar that is not taken.

    Attributes:
        code: the problem's code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def resolve(text: str, *, time_field: bool = False) -> str | int | float | bool | None:
    """The value of a plain scalar; dates and times stay text, and only under a time field.

    Raises:
        RefusedScalarError: If the two YAML versions disagree or the number is out of range.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_START:
        return text
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NOT_FINITE.fullmatch(text):
        raise RefusedScalarError("GW114", f"{text} is not a finite number; write a number")
    if _TIMESTAMP.fullmatch(text):
        if time_field:
            return text
        raise _refused(text, "some readers take it for a time")
    if _AMBIGUOUS.fullmatch(text):
        raise _refused(text, "YAML 1.1 and 1.2 read it differently")
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0":
        raise _refused(text, "the leading zero means octal to some readers")
    if len(digits) <= _MOST_DIGITS:
        number = int(text)
        if -_INT_LIMIT <= number < _INT_LIMIT:
            return number
    raise RefusedScalarError(
        "GW114", f"{_short(text)} does not fit in 64 bits; write a smaller number or quote it"
    )


def _finite(text: str) -> float:
    number = float(text)
    if math.isfinite(number):
        return number
    raise RefusedScalarError("GW114", f"{_short(text)} is too large a number; quote it")


def _refused(text: str, why: str) -> RefusedScalarError:
    return RefusedScalarError(
        "GW113", f'{_short(text)} is ambiguous: {why}; quote it: "{_short(text)}"'
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
