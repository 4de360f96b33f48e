import json
import os
import signal

import pytest

from controller.agent.worker import Worker, _start
from controller.errors import QueryFailedError, TableUnreadableError

NEVER_ENDING = "SELECT regex_match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '(a+)+$', 0)"


@pytest.fixture(scope="module")
def worker():
    with Worker(seconds=1, grace=0.2) as found:
        yield found


def test_rows_cross_the_process_whole(worker):
    assert worker.query("SELECT 'ü\u2028\"' AS a, uid FROM users WHERE uid = 0") == (
        {"a": 'ü\u2028"', "uid": "0"},
    )


def test_a_query_that_hangs_python_itself_is_killed_and_the_next_one_is_answered(worker):
    with pytest.raises(QueryFailedError, match="deadline"):
        worker.query(NEVER_ENDING)

    assert worker.query("SELECT 1 AS a") == ({"a": "1"},)


def test_errors_keep_their_kind(worker):
    with pytest.raises(QueryFailedError, match="no such table"):
        worker.query("SELECT * FROM absent")
    with pytest.raises(TableUnreadableError, match="no lens"):
        worker.query("SELECT * FROM augeas WHERE path = '/etc/passwd'")


def test_a_stop_ends_the_query_that_runs():
    with (
        Worker(seconds=60, stopped=lambda: True) as worker,
        pytest.raises(QueryFailedError, match="stopping"),
    ):
        worker.query(NEVER_ENDING)


def test_a_process_that_was_killed_from_outside_is_replaced(worker):
    worker.query("SELECT 1 AS a")
    process = worker._process
    assert process is not None
    os.kill(process.pid, 9)
    process.wait()

    assert worker.query("SELECT 2 AS a") == ({"a": "2"},)


def test_the_process_takes_nothing_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    (tmp_path / "apsw.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with Worker() as worker:
        assert worker.query("SELECT 1 AS a") == ({"a": "1"},)


def test_a_query_that_hangs_ends_by_itself_when_the_agent_is_gone():
    request = {"sql": NEVER_ENDING, "seconds": 0.1, "grace": 0.05}

    with _start() as process:
        process.communicate(json.dumps(request).encode() + b"\n")

    assert process.returncode == -signal.SIGALRM
