"""Times are the same however often they are packed, and whatever history has gone."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from controller.store import reports
from controller.store.columns import Times
from controller.store.store import open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_report, submit

CHECKS = [f"c{n}" for n in range(6)]
HOURS = 60


@pytest.mark.parametrize("most", [1, 7, 1_000], ids=["at each report", "at times", "never"])
@pytest.mark.parametrize("compacted", [False, True], ids=["all kept", "history gone"])
def test_times_follow_from_what_was_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, compacted: bool
) -> None:
    monkeypatch.setattr(reports, "MOST_TURNS", most)
    fate, store = random.Random(most), open_store(tmp_path)
    with store.write() as tx:
        tx.seed_checks([make_check(id_) for id_ in CHECKS], actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(), actor="t", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "token")
        places = dict(tx.in_force().rulebook.positions)
    said: dict[str, str] = {}
    times: dict[int, Times] = {}

    for hour in range(HOURS):
        now = NOW + timedelta(hours=hour)
        outcomes = {id_: fate.choice(["passed", "failed", "error"]) for id_ in CHECKS[: hour + 1]}
        with store.write() as tx:
            submit(tx, machine, "token", make_report(outcomes, at=now), now)
            if compacted and hour % 10 == 9:
                tx.compact(now + timedelta(days=hour), timedelta(days=hour, hours=4))
        for id_, outcome in outcomes.items():
            if said.get(id_) != outcome:
                seconds = int(now.timestamp())
                first = times.get(places[id_], Times(0, 0)).first_failed
                first = first or (seconds if outcome == "failed" else 0)
                times[places[id_]] = Times(seconds, first)
        said |= outcomes
        with store.read() as reading:
            assert reading.times_of(machine.number) == times

    with store.read() as reading:
        left = len(reading.outcome_history(machine.uuid, NOW))
    assert (left < 40) == compacted
    store.close()
