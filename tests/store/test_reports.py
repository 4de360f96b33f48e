"""Facts in the store: what a report does, again, late, out of order, or wrongly."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import UnauthenticatedError
from controller.model.machine import Machine
from controller.model.report import Report, Result
from controller.store.port.machines import Run
from controller.store.port.reports import Submission
from controller.store.port.store import Store
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_report, sha, submit

MINUTE = timedelta(minutes=1)


@pytest.fixture
def machine(store: SqlStore) -> Machine:
    return prepare(store)


def prepare(store: SqlStore) -> Machine:
    with store.write() as tx:
        tx.seed_checks([make_check(f"c{n}") for n in range(4)], actor="t", as_of=NOW)
        tx.seed_checks([make_check("w", platforms=("windows",))], actor="t", as_of=NOW)
        tx.put_object("policy", make_policy(target_os="all"), actor="t", as_of=NOW, create=True)
        add_key(tx)
        machine = enroll(tx, "token")
    with store.write() as tx:
        tx.continue_rescoring(NOW)
    with store.write() as tx:
        tx.continue_rescoring(NOW)
    return machine


def send(store: Store, machine: Machine, report: Report, at: datetime = NOW) -> Any:
    with store.write() as tx:
        return submit(tx, machine, "token", report, at)


def outcomes(store: Store, machine: Machine) -> dict[str, str]:
    with store.read() as reading:
        state = reading.machine_state(machine.uuid, NOW)
        assert state is not None
        places = reading.in_force().rulebook.positions
        return {id_: state.posture.outcome(places[id_]) for id_ in sorted(places)}


def issue(
    store: Store, machine: Machine, at: datetime, checks: Any = ("c0", "c1", "c2", "c3", "w")
) -> str:
    with store.write() as tx:
        places = tx.in_force().rulebook.positions
        asked = sum(1 << places[id_] for id_ in checks)
        run = Run(str(uuid.uuid4()), at, ("policy-1",), asked)
        tx.issue_run(machine.uuid, run)
    return run.run_id


def test_first_outcomes_count_as_changed(store: SqlStore, machine: Machine) -> None:
    receipt = send(store, machine, make_report({"c0": "passed", "c1": "failed"}))

    assert (receipt.accepted, receipt.changed) == (2, 2)
    assert (receipt.hundredths, receipt.risk, receipt.compliant) == (5000, "low", False)


def test_the_same_report_again_changes_nothing_and_says_so(
    store: SqlStore, machine: Machine
) -> None:
    report = make_report({"c0": "passed"})
    send(store, machine, report)

    again = send(store, machine, report, NOW + MINUTE)

    assert (again.duplicate, again.changed, again.hundredths) == (True, 0, 10000)


def test_an_older_report_never_overwrites_a_newer_one(store: SqlStore, machine: Machine) -> None:
    send(store, machine, make_report({"c0": "failed"}, at=NOW))

    late = send(store, machine, make_report({"c0": "passed"}, at=NOW - MINUTE), NOW + MINUTE)

    assert late.superseded is True
    assert outcomes(store, machine)["c0"] == "failed"


def test_a_report_from_the_future_is_taken_as_of_its_receipt(
    store: SqlStore, machine: Machine
) -> None:
    send(store, machine, make_report({"c0": "failed"}, at=NOW + timedelta(days=3650)), NOW)

    honest = send(store, machine, make_report({"c0": "passed"}, at=NOW + MINUTE), NOW + MINUTE)

    assert honest.superseded is False
    assert outcomes(store, machine)["c0"] == "passed"


def test_an_answer_to_a_later_run_wins_although_the_clock_was_set_back(
    store: SqlStore, machine: Machine
) -> None:
    first = issue(store, machine, NOW)
    send(store, machine, make_report({"c0": "passed"}, at=NOW, run_id=first), NOW)
    second = issue(store, machine, NOW + MINUTE)

    answer = make_report({"c0": "failed"}, at=NOW - timedelta(days=400), run_id=second)
    receipt = send(store, machine, answer, NOW + MINUTE)

    assert receipt.superseded is False
    assert outcomes(store, machine)["c0"] == "failed"


def test_what_a_run_asked_for_and_did_not_get_becomes_an_error(
    store: SqlStore, machine: Machine
) -> None:
    run = issue(store, machine, NOW)

    send(store, machine, make_report({"c0": "passed"}, run_id=run), NOW + MINUTE)

    assert outcomes(store, machine) == {
        "c0": "passed",
        "c1": "error",
        "c2": "error",
        "c3": "error",
        "w": "pending",
    }
    with store.read() as reading:
        assert reading.evidence(machine.uuid)["c1"].details == "the agent returned no result"


def test_an_answer_after_fifteen_minutes_is_partial(store: SqlStore, machine: Machine) -> None:
    run = issue(store, machine, NOW)

    send(store, machine, make_report({"c0": "passed"}, run_id=run), NOW + 16 * MINUTE)

    assert outcomes(store, machine)["c1"] == "pending"


def test_rows_are_judged_by_the_controller_whatever_the_agent_says(
    store: SqlStore, machine: Machine
) -> None:
    lying = Result("c0", "passed", rows=())

    send(store, machine, make_report([lying]))

    assert outcomes(store, machine)["c0"] == "failed"
    with store.read() as reading:
        assert "(the agent said passed)" in reading.evidence(machine.uuid)["c0"].details


def test_unknown_and_outdated_checks_are_named_and_not_used(
    store: SqlStore, machine: Machine
) -> None:
    results = [
        Result("nobody", "failed"),
        Result("c0", "failed", digest="0" * 32),
        Result("c1", "passed"),
    ]

    receipt = send(store, machine, make_report(results))

    assert receipt.unknown_checks == ("nobody",)
    assert receipt.outdated_checks == ("c0",)
    assert receipt.accepted == 1
    assert outcomes(store, machine)["c0"] == "pending"


def test_a_skipped_check_is_not_applicable(store: SqlStore, machine: Machine) -> None:
    send(store, machine, make_report({"c0": "skipped"}))

    assert outcomes(store, machine)["c0"] == "not_applicable"


def test_a_token_of_another_machine_speaks_for_nobody_else(
    store: SqlStore, machine: Machine
) -> None:
    with store.write() as tx:
        enroll(tx, "other")
        report = make_report({"c0": "passed"})
        good = make_report({"c0": "failed"})
        answers = tx.record_reports(
            [
                Submission(machine.uuid, sha("other"), report, NOW),
                Submission(machine.uuid, sha("token"), good, NOW),
            ]
        )

    assert isinstance(answers[0], UnauthenticatedError)
    assert outcomes(store, machine)["c0"] == "failed"


def test_since_when_moves_only_when_the_outcome_does(store: SqlStore, machine: Machine) -> None:
    send(store, machine, make_report({"c0": "failed"}, at=NOW), NOW)
    send(store, machine, make_report({"c0": "failed"}, at=NOW + MINUTE), NOW + MINUTE)
    send(store, machine, make_report({"c0": "passed"}, at=NOW + 2 * MINUTE), NOW + 2 * MINUTE)

    with store.read() as reading:
        state = reading.machine_state(machine.uuid, NOW)
        assert state is not None
        times = state.times[reading.in_force().rulebook.positions["c0"]]
        moves = reading.outcome_history(machine.uuid, NOW)
    assert times.status_since == NOW + 2 * MINUTE
    assert times.first_failed_at == NOW
    assert [(each.before, each.after) for each in moves] == [
        ("pending", "failed"),
        ("failed", "passed"),
    ]


def test_a_machine_is_stale_a_day_after_its_last_complete_evaluation(
    store: SqlStore, machine: Machine
) -> None:
    run = issue(store, machine, NOW)
    send(store, machine, make_report({}, run_id=run), NOW)
    edge = NOW + timedelta(hours=24)

    with store.read() as reading:
        before = reading.fleet_totals(edge - MINUTE).stale
        after = reading.fleet_totals(edge).stale
    assert (before, after) == (0, 1)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "c0": st.sampled_from(["passed", "failed"]),
                "c1": st.sampled_from(["passed", "failed"]),
            }
        ),
        min_size=1,
        max_size=4,
    ),
    st.randoms(),
)
def test_reports_in_any_order_and_number_end_as_the_newest_says(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[dict[str, str]], random: Any
) -> None:
    store = open_store(tmp_path_factory.mktemp("order"))
    machine = prepare(store)
    reports = [make_report(body, at=NOW + n * MINUTE) for n, body in enumerate(bodies)]
    delivered = [*reports, *random.choices(reports, k=3)]
    random.shuffle(delivered)

    for number, report in enumerate(delivered):
        send(store, machine, report, NOW + timedelta(hours=1) + number * MINUTE)

    found = outcomes(store, machine)
    store.close()
    assert {id_: found[id_] for id_ in ("c0", "c1")} == {
        id_: bodies[-1][id_] for id_ in ("c0", "c1")
    }


def test_only_the_last_eight_report_ids_are_kept(store: SqlStore, machine: Machine) -> None:
    reports = [make_report({"c0": "passed"}, at=NOW + n * MINUTE) for n in range(9)]
    for number, report in enumerate(reports):
        send(store, machine, report, NOW + number * MINUTE)

    oldest = send(store, machine, reports[0], NOW + timedelta(hours=1))
    second = send(store, machine, reports[1], NOW + timedelta(hours=1))

    assert (oldest.duplicate, oldest.superseded) == (False, True)
    assert second.duplicate is False  # the one before pushed it out


def test_evidence_that_is_too_large_is_cut_and_never_judged_again(
    store: SqlStore, machine: Machine
) -> None:
    rows = tuple({"path": f"{n:05}" + "x" * 500} for n in range(100))
    send(store, machine, make_report([Result("c0", "passed", rows=rows)]))

    with store.read() as reading:
        kept = reading.evidence(machine.uuid)["c0"]
    assert kept.rows is None
    assert outcomes(store, machine)["c0"] == "passed"


def test_batches_and_single_reports_end_the_same(tmp_path: Any) -> None:
    ends = []
    for size in (1, 5):
        store = open_store(tmp_path / str(size))
        machine = prepare(store)
        reports = [
            make_report({f"c{n % 4}": "failed" if n % 3 else "passed"}, at=NOW + n * MINUTE)
            for n in range(10)
        ]
        for start in range(0, 10, size):
            with store.write() as tx:
                tx.record_reports(
                    [
                        Submission(machine.uuid, sha("token"), each, NOW + timedelta(hours=1))
                        for each in itertools.islice(reports, start, start + size)
                    ]
                )
        with store.read() as reading:
            totals = reading.fleet_totals(NOW)
            ends.append((outcomes(store, machine), totals.overall, totals.checks))
        store.close()
    assert ends[0] == ends[1]
