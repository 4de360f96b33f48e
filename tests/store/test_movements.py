from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from controller.fleet.statistics import average
from tests.builders import NOW, make_waiver
from tests.dashboard.sizes import store_of


def test_an_exception_made_through_the_api_is_measured_before_and_after(tmp_path: Path) -> None:
    store = store_of(tmp_path, 20)
    with store.read() as reading:
        before = reading.fleet_totals(NOW).overall
    with store.write() as writing:
        waiver = make_waiver("measured", check_id="check-07", expires_at=NOW + timedelta(days=3))
        writing.put_object("exception", waiver, actor="ann", as_of=NOW, create=True)
    with store.read() as reading:
        after = reading.fleet_totals(NOW).overall
        newest = reading.movements(NOW - timedelta(days=1))[-1]

    assert (newest.cause.kind, newest.cause.ref) == ("api", "ann")
    assert (newest.before, newest.after) == (before, after)
    assert average(before) != average(after)
    with store.write() as writing:
        writing.pass_instant(NOW + timedelta(days=3))
    with store.read() as reading:
        ended = reading.movements_of([waiver.id])[waiver.id]
    assert ended.cause.kind == "exception_end"
    assert ended.after == before
    store.close()


def test_a_change_in_chunks_is_measured_once_readers_see_it(tmp_path: Path) -> None:
    store = store_of(tmp_path, 20)
    with store.write() as writing:
        writing.in_place = 5  # type: ignore[attr-defined]
        waiver = make_waiver("measured", check_id="check-07")
        writing.put_object("exception", waiver, actor="ann", as_of=NOW, create=True)
    with store.read() as reading:
        assert reading.movements(NOW)[-1].after is None
    while True:
        with store.write() as writing:
            if not writing.continue_rescoring(NOW):
                break
    with store.read() as reading:
        newest, totals = reading.movements(NOW)[-1], reading.fleet_totals(NOW).overall
    store.close()

    assert newest.after == totals
    assert newest.before != totals
