import json
import os
import threading

import pytest

from controller.agent import identity
from controller.agent.loop import AgentOptions, run_agent, run_once, wait_after
from controller.errors import RemoteRefusedError, TryLaterError, UsageError
from tests.agent.controller_server import CHECK, UUID, Answer, receipt, work

REGISTER = "POST /enrollment/register"
STATUS = "GET /enrollment/status/"
WORK = "GET /compliance/work/agent/"
RESULTS = "POST /compliance/results"


class Waiter(threading.Event):
    """A stop that lets no time pass: it counts waits and sets itself after some."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._rounds = rounds

    def wait(self, timeout=None):
        self.waits.append(timeout or 0.0)
        if len(self.waits) >= self._rounds:
            self.set()
        return self.is_set()


@pytest.fixture
def options(controller, tmp_path):
    return AgentOptions(controller.url, tmp_path / "state", "key-1")


@pytest.fixture
def run(options):
    """Runs some rounds without waiting; gives the waits and what was said."""

    def rounds(count, chosen=options):
        stop = Waiter(count)
        said: list[str] = []
        run_agent(chosen, stop, said.append)
        return stop.waits, "\n".join(said)

    return rounds


def once(options):
    said: list[str] = []
    run_once(options, threading.Event(), said.append)
    return "\n".join(said)


def spooled(options):
    return sorted((options.state / "spool").glob("*.json"))


def test_one_round_enrols_evaluates_and_reports(controller, options):
    said = once(options)

    (report,) = controller.reports
    assert report["run_id"] == work().body["run_id"]
    assert report["results"] == [
        {
            "check_id": "root-is-there",
            "digest": "sha1:d",
            "status": "passed",
            "actual_value": {"username": "root"},
            "rows": [{"username": "root"}],
            "details": "1 row(s) returned, one with username = 'root' expected",
        }
    ]
    assert f"enrolled as {UUID}, approved" in said
    assert "1 results, score 79.54, risk low" in said
    assert spooled(options) == []


def test_the_identity_is_kept_for_its_user_alone_and_used_again(controller, options):
    once(options)
    once(options)

    path = options.state / "identity.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert options.state.stat().st_mode & 0o777 == 0o700
    assert len(controller.asked(REGISTER)) == 1


def test_a_state_folder_of_another_controller_keeps_its_secret(controller, options):
    identity.claim(options.state)
    identity.save(options.state, identity.Identity("https://other", UUID, "s", "approved"))

    with pytest.raises(UsageError, match=r"belongs to the controller at https://other"):
        identity.load(options.state, controller.url)


def test_two_agents_do_not_share_a_state_folder(options):
    held = identity.claim(options.state)

    with pytest.raises(UsageError, match="another agent uses"):
        once(options)
    os.close(held)


def test_a_damaged_identity_says_what_to_do(options):
    options.state.mkdir()
    (options.state / "identity.json").write_text("{")

    with pytest.raises(UsageError, match="remove it to enrol this machine anew"):
        once(options)


def test_without_a_key_a_new_machine_is_told_how_to_get_one(options, controller):
    with pytest.raises(UsageError, match="gitward enrollment-key create"):
        once(AgentOptions(controller.url, options.state))


def test_a_pending_machine_waits_for_approval_and_then_works(controller, options, run):
    pending = {"uuid": UUID, "status": "pending", "agent_token": "t", "poll_interval_seconds": 7}
    controller.next(REGISTER, Answer(201, pending))
    controller.next(STATUS, *[Answer(200, {"status": "pending"})] * 2)

    waits, said = run(3)

    assert [7 <= wait < 8 for wait in waits[:2]] == [True, True]
    assert "waits for an administrator's approval" in said
    assert "was approved" in said
    assert len(controller.reports) == 1
    assert len(controller.asked(REGISTER)) == 1


def test_a_rejected_machine_is_told_and_does_nothing(controller, options):
    pending = {"uuid": UUID, "status": "pending", "agent_token": "t"}
    controller.next(REGISTER, Answer(201, pending))
    controller.next(STATUS, Answer(200, {"status": "rejected"}))

    with pytest.raises(RemoteRefusedError, match="rejected this machine"):
        once(options)

    assert controller.asked(WORK) == []


def test_waits_are_those_that_the_controller_asks_for(controller, run):
    controller.next(WORK, work(poll=90), Answer(204, None, {"Retry-After": "45"}))
    controller.next(WORK, Answer(503, {"detail": "full"}, {"Retry-After": "30"}))

    waits, said = run(3)

    assert waits[:2] == [90, 45]
    assert 30 <= waits[2] <= 33
    assert "503: full" in said


def test_a_report_whose_answer_was_lost_is_sent_again_with_its_id(controller, options, run):
    controller.next(RESULTS, Answer(hang_up=True), Answer(503, {"detail": "later"}))

    run(3)

    first, second, third, fourth = controller.reports
    assert first == second == third
    assert fourth["report_id"] != first["report_id"]
    assert spooled(options) == []


def test_reports_that_wait_survive_a_restart_and_go_first(controller, options):
    controller.next(RESULTS, Answer(503, {"detail": "full"}))
    with pytest.raises(TryLaterError, match="full"):
        once(options)
    (kept,) = spooled(options)
    body = json.loads(kept.read_bytes())

    once(options)

    assert controller.reports[1] == body
    assert len(controller.reports) == 3
    assert spooled(options) == []


def test_nothing_is_evaluated_while_an_old_report_cannot_be_sent(controller, options):
    controller.next(RESULTS, *[Answer(503, {"detail": "full"})] * 3)
    for _ in range(3):
        with pytest.raises(TryLaterError):
            once(options)

    assert len(controller.asked(WORK)) == 1
    assert len(spooled(options)) == 1


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_report_that_is_refused_for_good_is_dropped_and_the_agent_goes_on(
    controller, options, run, status
):
    controller.next(RESULTS, Answer(status, {"detail": "not like this", "code": "X"}))

    _, said = run(2)

    assert f"dropped report {controller.reports[0]['report_id']}" in said
    assert f"{status}: not like this" in said
    first, second = controller.reports
    assert first["report_id"] != second["report_id"]
    assert spooled(options) == []


def test_a_token_that_is_no_longer_known_is_renewed_and_no_report_is_lost(controller, options):
    once(options)
    controller.next(RESULTS, Answer(401, {"detail": "unknown token"}))
    renewed = {"uuid": UUID, "status": "approved", "agent_token": "secret-2"}
    controller.next(REGISTER, Answer(201, renewed))

    once(options)

    again = controller.asked(REGISTER)[1]
    assert again.body["existing_uuid"] == UUID
    assert again.headers["Authorization"] == "Bearer secret-1"
    assert controller.reports[1] == controller.reports[2]
    last = controller.asked(RESULTS)[-1]
    assert last.headers["Authorization"] == "Bearer secret-2"


def test_a_revoked_machine_waits_for_a_person_and_does_not_take_a_new_name(controller, options):
    once(options)
    controller.next(WORK, Answer(401, {"detail": "revoked"}))
    pending = {"uuid": UUID, "status": "pending", "agent_token": "t2"}
    controller.next(REGISTER, Answer(201, pending))
    controller.next(STATUS, Answer(200, {"status": "pending"}))

    with pytest.raises(TryLaterError, match="approval"):
        once(options)

    assert controller.asked(REGISTER)[1].body["existing_uuid"] == UUID


def test_a_controller_that_lost_its_store_enrols_the_machine_anew(controller, options):
    once(options)
    controller.next(WORK, Answer(401, {"detail": "unknown"}))
    controller.next(REGISTER, Answer(404, {"detail": "no such machine"}))

    once(options)

    assert ["existing_uuid" in seen.body for seen in controller.asked(REGISTER)] == [
        False,
        True,
        False,
    ]


def test_a_full_disk_does_not_silence_the_agent(controller, options, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("controller.agent.spool.Spool.put", full)

    assert "sending it unkept" in once(options)
    assert len(controller.reports) == 1


def test_bad_queries_are_errors_of_their_checks_and_the_rest_is_evaluated(controller, options):
    bad = {**CHECK, "check_id": "bad", "query": "DROP TABLE users"}
    absent = {**CHECK, "check_id": "absent", "query": "SELECT * FROM registry"}
    command = {**CHECK, "check_id": "command", "check_type": "command", "query": "rm -rf /"}
    skipped = {**CHECK, "check_id": "skipped", "applies_when": "SELECT 1 WHERE 0"}
    controller.next(WORK, work(bad, absent, command, skipped, CHECK))

    once(options)

    (report,) = controller.reports
    assert [result["status"] for result in report["results"]] == [
        "error",
        "error",
        "error",
        "not_applicable",
        "passed",
    ]


def test_a_stop_during_evaluation_reports_nothing(controller, options):
    stop = threading.Event()
    said: list[str] = []

    class StopOnWork:
        def __call__(self, seen):
            stop.set()
            return work()

    controller.defaults[WORK] = StopOnWork()
    run_agent(options, stop, said.append)

    assert controller.reports == []
    assert said[-1] == "stopped"


def test_a_lost_and_repeated_report_is_told_as_such(controller, options):
    def duplicate(seen):
        answer = receipt(seen)
        answer.body |= {"duplicate": True, "outdated_checks": ["c"]}
        return answer

    controller.defaults[RESULTS] = duplicate

    assert "(duplicate, 1 results not used)" in once(options)


def test_osqueryi_answers_where_one_is_named(controller, options, tmp_path):
    program = tmp_path / "osqueryi"
    program.write_text('#!/bin/sh\necho \'[{"username": "root"}]\'\n')
    program.chmod(0o755)

    once(AgentOptions(controller.url, options.state, "key-1", osqueryi=program))

    assert controller.reports[0]["results"][0]["status"] == "passed"


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.99])
def test_waits_double_up_to_a_limit_and_are_spread(chance):
    waits = [wait_after(TryLaterError("x"), failures, chance) for failures in range(1, 40)]

    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(2 * (1 - chance / 2))
    assert waits[-1] == pytest.approx(300 * (1 - chance / 2))


def test_a_wait_that_was_asked_for_is_kept_but_never_zero_nor_endless():
    assert wait_after(TryLaterError("x", 30), 9, 0.0) == 30
    assert wait_after(TryLaterError("x", 0), 1, 0.0) == 1
    assert wait_after(TryLaterError("x", 1e12), 1, 0.0) == 3600
    assert wait_after(RemoteRefusedError("x", 403), 1, 0.0) == 300
