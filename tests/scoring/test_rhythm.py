"""How often a schedule fires, and how long it may pause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.scoring.staleness import firings, rhythm

DAY = 1440


@pytest.mark.parametrize(
    ("schedule", "mean", "longest"),
    [
        ("* * * * *", 1, 1),
        ("*/5 * * * *", 5, 5),
        ("0 * * * *", 60, 60),
        ("0 6 * * *", DAY, DAY),
        ("0 6,18 * * *", DAY / 2, DAY / 2),
        ("0 8-17 * * *", DAY / 10, 15 * 60),
        ("0 6 * * MON", 7 * DAY, 7 * DAY),
        ("30 7 1 * *", pytest.approx(30.4 * DAY, rel=0.01), 31 * DAY),
        ("0 6 1 1 *", pytest.approx(365.25 * DAY, rel=0.01), 366 * DAY),
        ("0 0 29 2 *", 1461 * DAY, 1461 * DAY),
    ],
)
def test_the_mean_and_the_longest_time_between_firings(
    schedule: str, mean: float, longest: float
) -> None:
    assert rhythm(schedule) == (mean, longest)


@settings(deadline=None, max_examples=25)
@given(
    minute=st.sampled_from(["0", "*/7", "5,50", "59"]),
    hour=st.sampled_from(["0", "*/6", "8-17", "23"]),
    weekday=st.sampled_from(["*", "MON", "MON-FRI", "SAT,SUN"]),
)
def test_it_is_what_a_walk_over_all_firings_finds(minute: str, hour: str, weekday: str) -> None:
    schedule = f"{minute} {hour} * * {weekday}"
    start = datetime(2027, 12, 31, tzinfo=UTC)
    found = firings(schedule, "UTC", start, 1_500)
    gaps = [(later - sooner) / timedelta(minutes=1) for sooner, later in pairwise(found)]
    mean, longest = rhythm(schedule)
    assert max(gaps) == longest
    assert sum(gaps) / len(gaps) == pytest.approx(mean, rel=0.25)
