"""The fleet in numbers, from what a store says. No store is needed: a reading is four answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.fleet.statistics import TrendDay, average, share, trend
from controller.store.port.fleet import FleetTotals, Totals, TrendPoint
from controller.store.port.store import Reading

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
TODAY = NOW.date()


def totals(agents: int) -> Totals:
    return Totals(agents=agents, assessed=agents, compliant=agents, score_sum=agents * 10_000)


class Stored:
    """What a store keeps of a trend: a point for each day with a change."""

    def __init__(self, points: Sequence[TrendPoint], live: Totals) -> None:
        self.points, self.live = points, live

    def trend(self, since: date) -> Sequence[TrendPoint]:
        return [point for point in self.points if point.day >= since]

    def fleet_totals(self, as_of: datetime) -> FleetTotals:
        return FleetTotals(None, self.live, {}, {}, 0, as_of)


def days(stored: dict[int, int], live: int, window: int = 5) -> list[tuple[int, int]]:
    """Days ago to machines, in and out."""
    points = [
        TrendPoint(TODAY - timedelta(days=ago), totals(agents))
        for ago, agents in sorted(stored.items(), reverse=True)
    ]
    reading = cast("Reading", Stored(points, totals(live)))
    found = trend(reading, NOW, window).points
    return [((TODAY - point.date).days, point.agents) for point in found]


@pytest.mark.parametrize(
    ("stored", "live", "expected"),
    [
        ({}, 0, []),
        ({}, 3, [(0, 3)]),
        ({2: 1}, 4, [(2, 1), (1, 1), (0, 4)]),
        ({30: 7}, 7, [(4, 7), (3, 7), (2, 7), (1, 7), (0, 7)]),
        ({30: 7, 20: 5, 3: 6}, 8, [(4, 5), (3, 6), (2, 6), (1, 6), (0, 8)]),
        ({4: 1, 0: 2}, 2, [(4, 1), (3, 1), (2, 1), (1, 1), (0, 2)]),
        ({1: 2, 0: 0}, 0, [(1, 2), (0, 0)]),
    ],
    ids=["nothing", "first day", "gap", "old", "older states", "edge", "all gone"],
)
def test_a_state_lasts_until_the_next_and_today_is_live(
    stored: dict[int, int], live: int, expected: list[tuple[int, int]]
) -> None:
    assert days(stored, live) == expected


@given(
    st.dictionaries(st.integers(0, 60), st.integers(0, 9), max_size=10),
    st.integers(1, 9),
    st.integers(1, 40),
)
def test_a_trend_has_no_gap_ends_today_and_fits_its_window(
    stored: dict[int, int], live: int, window: int
) -> None:
    found = [ago for ago, _ in days(stored, live, window)]
    assert found == list(range(len(found) - 1, -1, -1))
    assert 1 <= len(found) <= window


def test_shares_and_averages_round_down_and_are_none_of_nothing() -> None:
    assert share(2, 3) == 66.66
    assert share(0, 3) == 0
    assert share(0, 0) is None
    assert average(Totals(assessed=3, score_sum=20_000)) == 66.66
    assert average(Totals(agents=3)) is None


def test_a_day_is_a_date() -> None:
    assert TrendDay(TODAY, None, None, 0).date == date(2026, 6, 10)
