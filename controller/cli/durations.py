"""``30d``, ``12h``, ``2027-01-31``: when something ends, as people write it."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from controller.model.documents import parse_instant

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def ends_at(text: str) -> datetime:
    """The instant that a span from now, a date or a time means; for ``type=`` of an option.

    Raises:
        ArgumentTypeError: It is none of these, or is over already.
    """
    now = datetime.now(UTC)
    if span := _SPAN.fullmatch(text):
        return now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        instant = parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: write 30d, 12h, a date or a time: {error}"
        ) from error
    if not isinstance(instant, datetime) or instant <= now:
        raise argparse.ArgumentTypeError(f"{text!r} is over already")
    return instant


def days(text: str) -> int:
    """A number of days, ``30`` or ``30d`` or ``4w``; for ``type=`` of an option.

    Raises:
        ArgumentTypeError: It is none, or more than ten years.
    """
    span = re.fullmatch(r"([0-9]{1,4})([dw]?)", text)
    number = int(span[1]) * (7 if span[2] == "w" else 1) if span else -1
    if not 0 <= number <= 3650:
        raise argparse.ArgumentTypeError(
            f"{text!r}: write days as 30d or weeks as 4w, at most ten years"
        )
    return number
