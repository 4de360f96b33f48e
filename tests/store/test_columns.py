"""Packed times are read as they were written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.store.columns import Times, pack_times, unpack_times

_seconds = st.integers(0, 2**32 - 1)


@given(st.dictionaries(st.integers(0, 400), st.builds(Times, _seconds, _seconds)))
def test_packed_times_are_read_as_they_were_written(times: dict[int, Times]) -> None:
    assert unpack_times(pack_times(times)) == times
