"""Reports are recorded all the same, in this process or in one of its own, and whatever happens to that."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from controller.errors import LeaseLostError, OverloadedError, RejectedError, UnauthenticatedError
from controller.failpoints import RECORDING_POINTS, VARIABLE
from controller.intake.hearing import Hearing
from controller.intake.intake import Intake
from controller.intake.recorder import messages
from controller.intake.recorder.channel import Channel
from controller.intake.recorder.direct import DirectRecorder
from controller.intake.recorder.interface import Outcomes, Recorder
from controller.intake.recorder.process import ProcessRecorder
from controller.intake.recorder.service import serve
from controller.model.machine import Machine
from controller.model.report import Report
from controller.store.port.reports import Receipt, Submission
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, enroll, make_check, make_report, sha
from tests.intake.on_a_loop import hand_in, on_a_loop, run
from tests.intake.test_hearing import body, result
from tests.integration.served import until
from tests.store.recount import assert_counters_equal_a_recount

WAIT = 20.0


@pytest.fixture
def apart(store: SqlStore, tmp_path: Path) -> Iterator[ProcessRecorder]:
    made = ProcessRecorder(store, tmp_path)
    made.start()
    until(made.ready, "the process being ready")
    yield made
    made.stop()


Ask = Callable[[Recorder, Sequence[Submission]], Outcomes]


def by_thread(recorder: Recorder, submissions: Sequence[Submission]) -> Outcomes:
    return recorder.record(submissions)


def by_loop(recorder: Recorder, submissions: Sequence[Submission]) -> Outcomes:
    """Have a batch recorded as the intake does: begun on its loop, and finished beside it."""

    async def ask() -> Outcomes:
        told: asyncio.Future[Outcomes | Callable[[], Outcomes]] = asyncio.Future()
        recorder.begin(submissions, told.set_result)
        found = await asyncio.wait_for(told, WAIT)
        return await asyncio.to_thread(found) if callable(found) else found

    return run(ask())


def at_once(recorder: Recorder, submissions: Sequence[Submission]) -> bool:
    """Whether a batch is begun without being left to a thread; its answer is not waited for."""
    told: list[object] = []

    async def ask() -> None:
        recorder.begin(submissions, told.append)

    run(ask())
    return not told


both_ways = pytest.mark.parametrize("ask", [by_thread, by_loop])
Record = Callable[[Sequence[Submission]], Outcomes]


@pytest.fixture(params=["here", "apart, by a thread", "apart, by the loop"])
def record(request: pytest.FixtureRequest, store: SqlStore) -> Record:
    if request.param == "here":
        return DirectRecorder(store).record
    apart: ProcessRecorder = request.getfixturevalue("apart")
    return partial(by_loop if request.param.endswith("loop") else by_thread, apart)


def submission(
    machine: Machine, seconds: int, *, token: str = "token", **outcomes: str
) -> Submission:
    at = NOW + timedelta(seconds=seconds)
    report = make_report(outcomes or {"c0": "passed"}, at=at)
    return Submission(machine.uuid, sha(token), report, at)


def heard(machine: Machine, data: bytes, hearing: Hearing, seconds: int) -> Any:
    report, found = hearing.read(machine.uuid, data)
    at = NOW + timedelta(seconds=seconds)
    return Submission(machine.uuid, sha("token"), report, at), found


def assert_recounted(store: SqlStore) -> None:
    with store.read() as reading:
        assert_counters_equal_a_recount(reading, NOW + timedelta(hours=1))


def told(outcomes: list[Receipt | Exception]) -> list[Any]:
    return [each[1:] if isinstance(each, Receipt) else (type(each), str(each)) for each in outcomes]


def test_what_became_of_each_report_of_a_batch_is_said_in_order(
    record: Record, machine: Machine
) -> None:
    first = submission(machine, 1, c0="failed", nobody_knows="passed")
    outcomes = record([first, submission(machine, 2, token="stolen"), first])

    taken, refused, again = outcomes
    assert isinstance(taken, Receipt)
    assert (taken.report_id, taken.accepted, taken.changed) == (first.report.report_id, 1, 1)
    assert taken.unknown_checks == ("nobody_knows",)
    assert (taken.hundredths, taken.compliant) == (0, False)
    assert isinstance(refused, UnauthenticatedError)
    assert isinstance(again, Receipt)
    assert again.duplicate


def test_evidence_is_what_was_reported(record: Record, machine: Machine, store: SqlStore) -> None:
    hearing = Hearing()
    told = result("c0", "failed", details="é <b>", actual_value="22")
    data = body([told, result("c1", rows=[{"port": "22"}])])
    record([heard(machine, data, hearing, 3)[0]])

    with store.read() as reading:
        shown = reading.evidence(machine.uuid)
    assert shown["c0"].details == "é <b>"
    assert shown["c0"].actual_value == "22"
    assert shown["c1"].rows == ({"port": "22"},)


def test_a_report_that_tells_its_changes_is_taken_on_top_of_the_one_before(
    record: Record, machine: Machine, store: SqlStore
) -> None:
    hearing = Hearing()
    for seconds, status in enumerate(["passed", "failed", "failed", "passed"], start=1):
        results = [result(f"c{n}") for n in range(7)] + [result("c7", status)]
        submitted, found = heard(machine, body(results, seconds), hearing, seconds)
        (outcome,) = record([submitted])
        assert isinstance(outcome, Receipt)
        assert outcome.accepted == 8
        hearing.accepted(machine.uuid, found)

        if seconds > 1:  # told, and read, in part
            assert len(submitted.report.results) <= 1
    assert_recounted(store)


def test_what_only_looks_like_a_report_is_refused_by_whoever_has_its_bytes(
    record: Record, machine: Machine
) -> None:
    good = submission(machine, 1)
    hollow = body([result("c0"), result("c1")]).replace(b'"passed"', b'"splendid"', 1)

    bad, fine = record([heard(machine, hollow, Hearing(), 2)[0], good])

    assert isinstance(bad, RejectedError)
    assert "status" in str(bad)
    assert isinstance(fine, Receipt)


def test_a_fleet_that_nobody_has_heard_yet_is_taken_but_for_what_is_no_report(
    record: Record, store: SqlStore
) -> None:
    with store.write() as tx:
        machines = [enroll(tx, f"token-{n}") for n in range(40)]
    batch = []
    for n, each in enumerate(machines):
        results = [result(f"c{k}", "failed" if k == n % 8 else "passed") for k in range(8)]
        data = body(results, n)
        if n % 13 == 5:
            data = data.replace(b'"failed"', b'"splendid"')
        submitted, _ = heard(each, data, Hearing(), n + 1)
        batch.append(submitted._replace(token_hash=sha(f"token-{n}")))

    outcomes = record(batch)

    for n, outcome in enumerate(outcomes):
        if n % 13 == 5:
            assert isinstance(outcome, RejectedError)
        else:
            assert isinstance(outcome, Receipt)
            assert (outcome.report_id, outcome.changed) == (batch[n].report.report_id, 8)
    assert_recounted(store)


@both_ways
def test_here_and_apart_say_the_same(
    store: SqlStore, machine: Machine, apart: ProcessRecorder, ask: Ask
) -> None:
    with store.write() as tx:
        other = enroll(tx, "other", os="linux")
    here = DirectRecorder(store)
    mine, its = Hearing(), Hearing()
    for seconds in range(1, 30):
        results = [
            result(f"c{n}", "failed" if seconds % (n + 2) == 0 else "passed") for n in range(8)
        ]
        one, one_heard = heard(machine, body(results, seconds), mine, seconds)
        two, two_heard = heard(other, body(results, seconds), its, seconds)
        two = two._replace(token_hash=sha("other"))
        ours, theirs = here.record([one]), ask(apart, [two])
        assert told(ours) == told(theirs)
        mine.accepted(machine.uuid, one_heard)
        its.accepted(other.uuid, two_heard)
    assert_recounted(store)


@both_ways
def test_a_killed_process_costs_no_report_and_another_one_takes_its_place(
    store: SqlStore, machine: Machine, tmp_path: Path, ask: Ask
) -> None:
    clock = [0.0]
    recorder = ProcessRecorder(store, tmp_path, monotonic=lambda: clock[0])
    recorder.start()
    until(recorder.ready, "the process being ready")
    first = recorder.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)

    (outcome,) = ask(recorder, [submission(machine, 1)])

    assert isinstance(outcome, Receipt)
    assert recorder.losses == 1
    assert not psutil.pid_exists(first)
    ask(recorder, [submission(machine, 2)])
    assert not recorder.ready()  # it is not started again at once
    clock[0] = 1.0
    ask(recorder, [submission(machine, 3)])
    until(recorder.ready, "another process being ready")
    (outcome,) = ask(recorder, [submission(machine, 4, c1="failed")])
    assert isinstance(outcome, Receipt)
    assert recorder.losses == 1
    recorder.stop()
    assert_recounted(store)


@both_ways
@pytest.mark.parametrize("point", RECORDING_POINTS)
def test_killed_inside_or_after_its_transaction_nothing_is_lost_or_counted_twice(
    store: SqlStore,
    machine: Machine,
    tmp_path: Path,
    point: str,
    monkeypatch: pytest.MonkeyPatch,
    ask: Ask,
) -> None:
    monkeypatch.setenv(VARIABLE, point)
    recorder = ProcessRecorder(store, tmp_path)
    recorder.start()
    until(recorder.ready, "the process being ready")

    batch = [submission(machine, 1, c0="failed"), submission(machine, 2, c0="passed")]
    outcomes = ask(recorder, batch)

    assert recorder.losses == 1
    committed = point == "after_recording"
    assert [isinstance(each, Receipt) and each.duplicate for each in outcomes] == [committed] * 2
    recorder.stop()
    assert_recounted(store)
    with store.read() as reading:
        assert len(reading.outcome_history(machine.uuid, NOW)) == 2


_NONSENSE = """
import socket, sys
other = socket.socket(fileno=sys.stdin.fileno())
other.recv(1000)
other.sendall(bytes.fromhex("00000005") + b"ready")
other.recv(100_000)
other.sendall(bytes.fromhex(sys.argv[1]))
other.recv(1)
"""


@both_ways
@pytest.mark.parametrize(
    "said",
    ["00000003616263", "000000039290c0", "ffffffff00", "0000000192", "00000001929292"],
    ids=["no answer", "outcomes of nobody", "far too long", "half an answer", "too much"],
)
def test_a_process_that_talks_nonsense_is_ended_and_the_batch_recorded_here(
    store: SqlStore,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ask: Ask,
    said: str,
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(*_: str, stdin: int, **__: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", _NONSENSE, said], stdin=stdin))
        return started[0]

    monkeypatch.setattr("controller.intake.recorder.other.start", start)
    recorder = ProcessRecorder(store, tmp_path)
    recorder.start()
    until(recorder.ready, "the process being ready")

    (outcome,) = ask(recorder, [submission(machine, 1)])

    assert isinstance(outcome, Receipt)
    assert not outcome.duplicate
    assert recorder.losses == 1
    assert started[0].poll() is not None
    recorder.stop()
    assert_recounted(store)


@both_ways
def test_a_process_that_says_nothing_is_ended_and_the_batch_recorded_here(
    store: SqlStore, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    monkeypatch.setattr("controller.intake.recorder.other._PATIENCE_SECONDS", 1.0)
    recorder = ProcessRecorder(store, tmp_path)
    recorder.start()
    until(recorder.ready, "the process being ready")
    assert recorder.process_id is not None
    stopped = psutil.Process(recorder.process_id)
    stopped.suspend()

    (outcome,) = ask(recorder, [submission(machine, 1)])

    assert isinstance(outcome, Receipt)
    assert not stopped.is_running()
    recorder.stop()


@both_ways
def test_the_process_ends_with_the_controller_and_not_before_it_was_told(
    apart: ProcessRecorder, machine: Machine, ask: Ask
) -> None:
    process = psutil.Process(apart.process_id)
    process.terminate()  # as a service manager tells the whole group

    (outcome,) = ask(apart, [submission(machine, 1)])

    assert isinstance(outcome, Receipt)
    assert apart.losses == 0
    apart.stop()
    assert not process.is_running()


def test_the_process_knows_no_secret(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITWARD_GIT_TOKEN", "canary-in-the-mine")
    recorder = ProcessRecorder(store, tmp_path)
    recorder.start()
    process = psutil.Process(recorder.process_id)
    until(recorder.ready, "the process being ready")

    assert "canary-in-the-mine" not in str(process.environ()) + str(process.cmdline())
    recorder.stop()


@both_ways
def test_once_another_controller_has_taken_over_the_process_writes_nothing(
    store: SqlStore, machine: Machine, apart: ProcessRecorder, tmp_path: Path, ask: Ask
) -> None:
    other = open_store(tmp_path)
    other.take_over("somebody else", NOW)

    with pytest.raises(LeaseLostError, match="somebody else"):
        ask(apart, [submission(machine, 1)])

    assert store.lost is not None
    with other.read() as reading:
        assert reading.fleet_totals(NOW).overall.assessed == 0
    other.close()


@both_ways
def test_while_the_process_writes_the_controller_waits_for_its_turn(
    store: SqlStore, machine: Machine, apart: ProcessRecorder, ask: Ask
) -> None:
    """Neither is told that the store is locked, however often both want to write."""
    done = threading.Event()
    errors: list[Exception] = []

    def write() -> None:
        while not done.is_set():
            try:
                with store.write() as tx:
                    add_key(tx, secret=f"key-{time.monotonic_ns()}")
            except Exception as error:  # noqa: BLE001 - it is what is looked for
                errors.append(error)

    beside = threading.Thread(target=write)
    beside.start()
    outcomes = [ask(apart, [submission(machine, n)])[0] for n in range(1, 100)]
    done.set()
    beside.join()

    assert errors == []
    assert all(isinstance(each, Receipt) for each in outcomes)


def test_a_change_of_configuration_is_seen_by_the_process_at_once(
    store: SqlStore, machine: Machine, apart: ProcessRecorder
) -> None:
    apart.record([submission(machine, 1, c0="passed")])
    with store.write() as tx:
        tx.seed_checks([make_check("new")], actor="t", as_of=NOW)

    (outcome,) = apart.record([submission(machine, 2, new="failed")])

    assert isinstance(outcome, Receipt)
    assert outcome.unknown_checks == ()
    assert_recounted(store)


def test_the_loop_leaves_to_a_thread_what_it_would_have_to_wait_for(
    store: SqlStore, machine: Machine, apart: ProcessRecorder
) -> None:
    few = [submission(machine, 1)]
    many = [submission(machine, 2, **{f"c{n}": "passed" for n in range(100_000)})]
    assert not at_once(apart, many)
    with store.write():
        assert not at_once(apart, few)

    assert at_once(apart, few)


def test_a_batch_that_is_begun_keeps_the_controller_from_writing_until_it_is_answered(
    store: SqlStore, machine: Machine, apart: ProcessRecorder
) -> None:
    process = psutil.Process(apart.process_id)
    written: list[bool] = []

    def write() -> None:
        with store.write() as tx:
            add_key(tx, secret="another")
        written.append(True)

    beside = threading.Thread(target=write)

    async def ask() -> Outcomes | Callable[[], Outcomes]:
        told: asyncio.Future[Outcomes | Callable[[], Outcomes]] = asyncio.Future()
        process.suspend()
        apart.begin([submission(machine, 1)], told.set_result)
        beside.start()
        await asyncio.to_thread(beside.join, 0.1)
        assert not written
        process.resume()
        return await asyncio.wait_for(told, WAIT)

    assert not callable(run(ask()))
    beside.join(WAIT)
    assert written


@on_a_loop
async def test_an_intake_answers_what_its_process_has_recorded(
    store: SqlStore, machine: Machine, apart: ProcessRecorder
) -> None:
    intake = Intake(apart, most_at_once=50)
    taken = [hand_in(intake, submission(machine, n)) for n in range(1, 400)]

    assert all(each.accepted == 1 for each in await asyncio.wait_for(asyncio.gather(*taken), WAIT))
    assert apart.losses == 0
    intake.stop()


@pytest.mark.parametrize("where", ["here", "apart"])
@on_a_loop
async def test_of_a_crowd_the_first_are_answered_while_others_still_come(
    store: SqlStore, machine: Machine, apart: ProcessRecorder, where: str
) -> None:
    recorder = apart if where == "apart" else DirectRecorder(store)
    intake = Intake(recorder, most_at_once=50, most_waiting=100)
    taken = [hand_in(intake, submission(machine, n)) for n in range(1, 101)]

    def answered() -> bool:
        with suppress(OverloadedError):
            hand_in(intake, submission(machine, 101))
        return taken[0].done()

    until(answered, "an answer without a turn of the event loop")
    assert [each.accepted for each in await asyncio.gather(*taken)] == [1] * 100
    intake.stop()


@pytest.mark.parametrize("suspended", [False, True])
def test_an_intake_drains_its_process_before_it_stops(
    store: SqlStore,
    machine: Machine,
    apart: ProcessRecorder,
    monkeypatch: pytest.MonkeyPatch,
    *,
    suspended: bool,
) -> None:
    monkeypatch.setattr("controller.intake.recorder.process._STOP_SECONDS", 1.0)
    process = psutil.Process(apart.process_id)
    intake = Intake(apart)
    if suspended:
        process.suspend()

    @on_a_loop
    async def begin_and_end() -> None:
        for n in range(1, 400):
            hand_in(intake, submission(machine, n, c0="failed" if n % 2 else "passed"))
        await asyncio.sleep(0)
        assert intake.waiting == 199  # the others are with the process

    begin_and_end()
    intake.stop()

    assert not process.is_running()
    with store.read() as reading:
        assert len(reading.outcome_history(machine.uuid, NOW)) == 399
    assert_recounted(store)


class BrokenStore:
    """A store whose transactions meet a bug."""

    def write(self) -> Any:
        raise ZeroDivisionError("a bug")


def test_a_bug_in_the_process_is_told_with_its_place_and_does_not_end_it(
    machine: Machine,
) -> None:
    ours, its = (Channel(each) for each in socket.socketpair())
    serving = threading.Thread(target=serve, args=(its, BrokenStore()))
    serving.start()
    with ours:
        assert ours.receive() == messages.READY
        for _ in range(2):
            ours.send(messages.batch([submission(machine, 1)]))
            with pytest.raises(RuntimeError, match=r"(?s)test_recorder\.py.*a bug"):
                messages.outcomes_of(ours.receive())
    serving.join(WAIT)
    assert not serving.is_alive()
    its.close()


def test_a_batch_arrives_as_it_was_sent(machine: Machine) -> None:
    hearing = Hearing()
    results = [result(f"c{n}", actual_value=n, rows=[{"a": "b"}]) for n in range(8)]
    in_part, found = heard(machine, body(results, 1), hearing, 1)
    found.whole()
    hearing.accepted(machine.uuid, found)
    changed, _ = heard(machine, body([*results[:7], result("c7", "failed")], 2), hearing, 2)
    sent = [submission(machine, 5, c0="failed"), in_part, changed]

    arrived = messages.batch_of(messages.batch(sent))

    def plain(each: Submission) -> Any:
        report: Report = each.report
        since = report.since and report.since[:2]
        return (*each[:2], each.received_at, report._replace(since=None), since)

    assert [plain(each) for each in arrived] == [plain(each) for each in sent]
