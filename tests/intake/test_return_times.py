"""Whoever is refused is given a turn, so that a crowd comes back as fast as it can be taken."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.intake.return_times import LONGEST, ReturnTimes


class Clock:
    """Seconds that go on when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock, *paces: float, share: float = 0.5) -> ReturnTimes:
    """After crowds that were taken at these paces."""
    times = ReturnTimes(clock, lambda: share)
    for pace in paces:
        times.begin()
        clock.now += 200 * pace
        times.crowd_taken(200)
    return times


def test_a_crowd_is_told_to_come_within_the_time_that_taking_it_needs() -> None:
    times = made(Clock(), 0.01)

    told = [times.seconds(f"machine-{n}", 1_000) for n in range(4_000)]

    assert all(before <= after for before, after in pairwise(told))
    assert told[0] >= 5  # 1,000 who wait take 10 s
    assert 20 <= told[-1] <= 50  # all 5,000 take 50 s
    assert len(set(told)) == told[-1] - told[0] + 1


def test_whoever_does_not_wait_for_its_turn_is_told_the_same_turn_again() -> None:
    clock = Clock()
    times = made(clock, 0.1)
    turn = times.seconds("impatient", 100)
    for _ in range(1_000):
        clock.now += 0.001
        times.seconds("impatient", 100)

    assert times.seconds("patient", 100) <= turn
    assert times.seconds("impatient", 100) == turn - 1


def test_whoever_comes_at_its_turn_and_is_refused_again_is_given_another() -> None:
    clock = Clock()
    times = made(clock, 0.1)
    first = times.seconds("machine", 100)
    clock.now += first + 1

    assert times.seconds("machine", 100) == first


def test_one_crowd_that_was_held_up_does_not_put_off_the_next() -> None:
    assert made(Clock(), 0.001, 0.5).pace == pytest.approx(0.001)


def test_a_controller_that_has_become_slow_is_seen_to_be() -> None:
    assert made(Clock(), 0.001, *[0.5] * 8).pace == pytest.approx(0.5)


@given(
    st.lists(st.floats(0, 100), max_size=10),
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.lists(st.tuples(st.integers(0, 20), st.floats(0, 500)), max_size=40),
)
def test_nobody_is_told_to_come_at_once_or_never(
    paces: list[float], waiting: int, share: float, refused: list[tuple[int, float]]
) -> None:
    clock = Clock()
    times = made(clock, *paces, share=share)
    for machine, later in refused:
        clock.now += later
        assert 1 <= times.seconds(f"machine-{machine}", waiting) <= LONGEST


def test_those_who_would_have_to_wait_longest_are_spread_out_too() -> None:
    shares = iter([0.0, 0.0, 0.25, 0.0, 0.9, 0.0])
    clock = Clock()
    times = ReturnTimes(clock, lambda: next(shares))
    times.begin()
    clock.now += 200 * 10
    times.crowd_taken(200)

    assert [times.seconds(f"machine-{n}", 1_000) for n in range(3)] == [150, 187, 285]
