"""Packed times: what was only noted is read as if it had been put into its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.store.columns import Times, note_times, pack_times, unpack_times

places = st.integers(0, 40)
changes = st.lists(
    st.lists(
        st.tuples(places, st.just("passed"), st.sampled_from(["failed", "passed"])), max_size=9
    ),
    max_size=12,
)


@given(st.sets(places), changes)
def test_times_are_the_same_however_often_they_are_packed_anew(
    known: set[int], reports: list[list[tuple[int, str, str]]]
) -> None:
    times = {place: Times(1_000 + place, place % 3) for place in known}
    column = pack_times(times)
    for seconds, changed in enumerate(reports, start=5_000):
        column = note_times(column, changed, seconds)
        for place, _, after in changed:
            first = times[place].first_failed if place in times else 0
            times[place] = Times(seconds, first or (seconds if after == "failed" else 0))
    assert unpack_times(column) == times
