from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.errors import NotFoundError
from controller.model.machine import Machine
from controller.schedule.work import Wait, Work, next_work
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_report, submit

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    with opened.write() as tx:
        tx.seed_checks([make_check("a"), make_check("b")], actor="t", as_of=NOW)
        tx.seed_checks([make_check("w", platforms=("windows",))], actor="t", as_of=NOW)
        add_key(tx)
    yield opened
    opened.close()


def policy(store: SqlStore, id: str = "p", **fields: Any) -> None:
    with store.write() as tx:
        document = make_policy(id, **fields)
        create = id not in tx.in_force().policies
        tx.put_object("policy", document, actor="t", as_of=NOW, create=create)


def machine(store: SqlStore, token: str = "token") -> Machine:
    with store.write() as tx:
        return enroll(tx, token)


def answer(store: SqlStore, who: Machine, work: Work, at: datetime) -> None:
    outcomes = {each.check_id: "passed" for each in work.checks}
    report = make_report(outcomes, at=at, run_id=work.run.run_id)
    with store.write() as tx:
        submit(tx, who, "token", report, at)


def work_at(store: SqlStore, who: Machine, at: datetime) -> Work:
    found = next_work(store, who.uuid, at)
    assert isinstance(found, Work)
    return found


def test_a_machine_that_never_reported_is_due_at_once(store: SqlStore) -> None:
    policy(store)
    who = machine(store)

    found = work_at(store, who, NOW)

    assert [each.check_id for each in found.checks] == ["a", "b"]
    assert found.evaluations == (("p", NOW),)


def test_each_check_is_asked_once_however_many_policies_select_it(store: SqlStore) -> None:
    policy(store, "p")
    policy(store, "q", target_os="all")
    who = machine(store)

    found = work_at(store, who, NOW)

    assert [each.check_id for each in found.checks] == ["a", "b"]
    assert [each for each, _ in found.evaluations] == ["p", "q"]


def test_the_same_unanswered_run_is_given_again_for_fifteen_minutes(store: SqlStore) -> None:
    policy(store)
    who = machine(store)
    first = work_at(store, who, NOW)

    again = work_at(store, who, NOW + timedelta(minutes=15))
    later = work_at(store, who, NOW + timedelta(minutes=16))

    assert again.run == first.run
    assert later.run.run_id != first.run.run_id


def test_a_run_that_asks_something_else_now_is_issued_anew(store: SqlStore) -> None:
    policy(store)
    who = machine(store)
    first = work_at(store, who, NOW)

    policy(store, exclude_checks=("a",))

    assert work_at(store, who, NOW).run.run_id != first.run.run_id


def test_an_answered_machine_is_due_again_within_one_interval(store: SqlStore) -> None:
    policy(store, check_interval_minutes=60)
    who = machine(store)
    answer(store, who, work_at(store, who, NOW), NOW)

    assert isinstance(next_work(store, who.uuid, NOW + timedelta(minutes=1)), Wait)
    assert isinstance(next_work(store, who.uuid, NOW + HOUR * 1.5), Work)


def test_machines_are_spread_over_the_interval_and_keep_their_place(store: SqlStore) -> None:
    from controller.scoring.staleness import next_due

    document = make_policy(check_interval_minutes=60)
    uuids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(600)]

    due = [next_due(document, uuid, NOW) for uuid in uuids]

    minutes = [(each - NOW) / timedelta(minutes=1) for each in due if each is not None]
    assert min(minutes) >= 30
    assert max(minutes) <= 90
    tenths = {int((each - 30) // 6) for each in minutes}
    assert tenths == set(range(10))
    assert due == [next_due(document, uuid, NOW) for uuid in uuids]


def test_a_manual_policy_waits_for_execute(store: SqlStore) -> None:
    policy(store, schedule_type="manual")
    who = machine(store)
    assert isinstance(next_work(store, who.uuid, NOW), Wait)

    with store.write() as tx:
        assert tx.request_execution("p", None, actor="ann", as_of=NOW) == 1

    found = work_at(store, who, NOW)
    answer(store, who, found, NOW)
    assert isinstance(next_work(store, who.uuid, NOW + HOUR), Wait)


def test_execute_for_one_machine_leaves_the_others_alone(store: SqlStore) -> None:
    policy(store, schedule_type="manual")
    one, other = machine(store, "token"), machine(store, "other")

    with store.write() as tx:
        assert tx.request_execution("p", (one.uuid,), actor="ann", as_of=NOW) == 1

    assert isinstance(next_work(store, one.uuid, NOW), Work)
    assert isinstance(next_work(store, other.uuid, NOW), Wait)


def test_a_schedule_fires_in_its_own_time_zone(store: SqlStore) -> None:
    # 02:30 in Berlin is 00:30 UTC in summer and 01:30 UTC in winter.
    policy(store, schedule_type="scheduled", schedule="30 2 * * *", timezone="Europe/Berlin")
    who = machine(store)
    answer(store, who, work_at(store, who, NOW), NOW)

    midnight = NOW.replace(hour=0) + timedelta(days=1)
    assert isinstance(next_work(store, who.uuid, midnight + timedelta(minutes=29)), Wait)
    assert isinstance(next_work(store, who.uuid, midnight + timedelta(minutes=30)), Work)


def test_waiting_is_never_longer_than_the_poll_interval(store: SqlStore) -> None:
    policy(store, check_interval_minutes=10_080)
    who = machine(store)
    answer(store, who, work_at(store, who, NOW), NOW)

    found = next_work(store, who.uuid, NOW, poll=60)

    assert found == Wait(60)


def test_a_machine_that_is_unknown_or_rejected_gets_nothing(store: SqlStore) -> None:
    who = machine(store)
    with store.write() as tx:
        tx.set_machine_status(who.uuid, "rejected", actor="ann", as_of=NOW)

    with pytest.raises(NotFoundError):
        next_work(store, who.uuid, NOW)
    with pytest.raises(NotFoundError):
        next_work(store, "3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a11", NOW)
