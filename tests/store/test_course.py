"""What a machine's score was at a moment of the past."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.store.port.store import Reading
from controller.store.store import SqlStore
from tests.builders import (
    NOW,
    add_key,
    enroll,
    make_check,
    make_policy,
    make_report,
    make_waiver,
    submit,
)

DAY = timedelta(days=1)


@pytest.fixture
def moved(store: SqlStore) -> SqlStore:
    """A machine that fails one of two checks on day 1, both from day 4; one is exempted on day 6."""
    with store.write() as tx:
        for id_ in ("check-1", "check-2"):
            tx.put_object("check", make_check(id_), actor="tests", as_of=NOW, create=True)
        tx.put_object("policy", make_policy(), actor="tests", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "one")
        enroll(tx, "silent")
    for day, second in ((1, "passed"), (4, "failed")):
        with store.write() as tx:
            outcomes = {"check-1": "failed", "check-2": second}
            submit(tx, machine, "one", make_report(outcomes, at=NOW + day * DAY), NOW + day * DAY)
    with store.write() as tx:
        waiver = make_waiver(check_id="check-1", expires_at=NOW + 90 * DAY)
        tx.put_object("exception", waiver, actor="ann", as_of=NOW + 6 * DAY, create=True)
    with store.write() as tx:
        while tx.continue_rescoring(NOW + 6 * DAY):
            pass
    return store


def _scores(reading: Reading, number: int, *days: float) -> list[int | None]:
    return [reading.overall_before(number, NOW + day * DAY) for day in days]


def test_the_score_at_a_moment_is_the_last_one_before_it(moved: SqlStore) -> None:
    with moved.read() as reading:
        history = reading.score_history(reading.lowest_scores(1, NOW)[0].machine.uuid, NOW, None)
        number = reading.lowest_scores(1, NOW)[0].machine.number
        found = _scores(reading, number, -1, 0.5, 1, 3.9, 4, 5.9, 6.1, 40)

    assert found == [None, None, 5000, 5000, 0, 0, 0, 0]
    assert [point.hundredths for point in history][-1] == 0


def test_a_machine_that_never_reported_had_no_score(moved: SqlStore) -> None:
    with moved.read() as reading:
        silent = next(m for m, _ in reading.every_machine() if m.hostname == "host-silent")
        assert _scores(reading, silent.number, 0, 5, 50) == [None, None, None]


def test_a_change_of_the_whole_fleet_counts_as_well(store: SqlStore) -> None:
    with store.write() as tx:
        for id_, severity in (("check-1", "low"), ("check-2", "high")):
            check = make_check(id_, severity=severity)
            tx.put_object("check", check, actor="tests", as_of=NOW, create=True)
        tx.put_object("policy", make_policy(), actor="tests", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "one")
        submit(tx, machine, "one", make_report({"check-1": "failed", "check-2": "passed"}))
    with store.write() as tx:
        waiver = make_waiver(expires_at=NOW + 9 * DAY)
        tx.put_object("exception", waiver, actor="ann", as_of=NOW + DAY, create=True)
    for at in (NOW + DAY, NOW + 9 * DAY):
        with store.write() as tx:
            tx.pass_instant(at)
            while tx.continue_rescoring(at):
                pass

    with store.read() as reading:
        before, during, after = _scores(reading, machine.number, 0.5, 2, 9.5)

    assert during == 10_000
    assert before == after != during
