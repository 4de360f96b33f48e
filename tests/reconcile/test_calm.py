"""How soon a hint is followed, in every order of hints and pushes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from controller.reconcile.calm import Calm

MOMENTS = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200)


def passes(hints: list[float], pushes: list[float]) -> list[tuple[float, bool]]:
    """When passes run that hints cause, and whether they found a push; a pass takes no time."""
    calm, found, done = Calm(), [], 0
    waiting = sorted(hints)
    while waiting:
        at = max(waiting[0], waiting[0] + calm.left(waiting[0]))
        new = sum(push <= at for push in pushes) - done
        done += new
        calm.followed(fruitful=new > 0, at=at)
        found.append((at, new > 0))
        waiting = [hint for hint in waiting if hint > at]
    return found


def test_a_hint_right_after_an_empty_one_waits_a_second_and_no_more() -> None:
    assert passes([0.0, 0.3], [0.2]) == [(0.0, False), (1.0, True)]


def test_pushes_one_after_the_other_each_come_within_a_second() -> None:
    moments = [n * 0.9 for n in range(20)]
    ends = [at for at, _ in passes(moments, moments)]
    assert all(any(0 <= end - moment <= 1.0 for end in ends) for moment in moments)


def test_a_storm_of_five_seconds_is_three_passes() -> None:
    storm = [n / 200 for n in range(1_000)]
    assert len(passes(storm, [])) == 3
    assert len(passes(storm, [0.0])) == 3


@given(MOMENTS, st.lists(st.floats(0, 30, allow_nan=False), max_size=10))
def test_every_push_with_a_hint_after_it_is_found_and_no_hint_waits_longer_than_calm(
    hints: list[float], pushes: list[float]
) -> None:
    found = passes(hints, pushes)
    assert all(any(0 <= at - hint <= 5.0 for at, _ in found) for hint in hints)
    apart = [later - earlier for (earlier, _), (later, _) in pairwise(found)]
    assert all(span > 0.99 for span in apart)
