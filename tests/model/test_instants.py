"""What is taken as a date or a time, and as which."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.documents import parse_instant

PATTERN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31t12:00:00z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31 12:00:00.5+02:00", datetime(2027, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2027-01-31T00:30:00.123456-11:30", datetime(2027, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        (None, None),
        (datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 1, 31, tzinfo=UTC)),
    ],
)
def test_dates_and_times_with_an_offset_are_taken(text: object, instant: object) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-31T12:00:00",
        "2027-1-31",
        "20270131",
        "2027-W05-1",
        "2027-02-30",
        "2027-01-31T25:00:00Z",
        "2027-01-31T12:00Z",
        "2027-01-31T12:00:00.1234567Z",
        "2027-01-31T12:00:00,5Z",
        "2027-01-31T12:00:00Z\n",
        " 2027-01-31",
        "\u0662\u0660\u0662\u0667-\u0660\u0661-\u0663\u0661",
        "2027-01-31\ud800",
        "",
        20270131,
        True,
    ],
)
def test_whatever_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"expected|out of range|must be in|Invalid"):
        parse_instant(text)


@given(st.from_regex(PATTERN, fullmatch=True) | st.text("0123456789-:.TtZz+ ", max_size=33))
def test_exactly_what_has_the_form_is_taken(text: str) -> None:
    try:
        taken = parse_instant(text)
    except (ValueError, OverflowError):
        # The form is right only where there is no such day, hour or offset.
        if PATTERN.fullmatch(text):
            with pytest.raises((ValueError, OverflowError)):
                datetime.fromisoformat(text.upper()).astimezone(UTC)
    else:
        assert PATTERN.fullmatch(text)
        assert isinstance(taken, datetime)
        assert taken.utcoffset() == UTC.utcoffset(None)
