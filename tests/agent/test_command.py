import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from controller.cli.main import main


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GITWARD_")]:
        if name != "GITWARD_TEST_REQUIRE":
            monkeypatch.delenv(name)


def test_a_query_prints_rows_as_json(capsys):
    code = main(
        ["agent", "--query", "SELECT username FROM users WHERE uid = 0", "--format", "json"]
    )

    printed = capsys.readouterr()
    assert code == 0
    assert json.loads(printed.out) == [{"username": "root"}]
    assert printed.err == "1 row\n"


def test_a_query_prints_a_table_in_which_data_is_never_markup(capsys):
    code = main(["agent", "--query", "SELECT '[red]x' || char(27) || '[1m' AS a, NULL AS b"])

    printed = capsys.readouterr()
    assert code == 0
    assert r"[red]x\x1b[1m" in printed.out


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DROP TABLE users", "not authorized"),
        ("SELECT * FROM file", "needs path or directory"),
        ("SELECT * FROM augeas WHERE path = '/etc/passwd'", "no lens"),
    ],
)
def test_a_query_that_fails_says_why_and_exits_3(capsys, sql, reason):
    assert main(["agent", "--query", sql]) == 3
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--server is missing"),
        (["--server", "http://c.test", "--enrollment-key", "k"], "use https://"),
        (["--server", "https://c.test", "--osqueryi", "/absent"], "cannot be run"),
    ],
)
def test_wrong_use_exits_2(capsys, tmp_path, arguments, reason):
    assert main(["agent", "--state", str(tmp_path), *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_missing_packages_are_named_with_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(
        "controller.cli.commands.agent.find_spec", lambda name: None if name == "apsw" else object()
    )
    monkeypatch.setattr("controller.agent.osqueryi.PLACES", ())

    assert main(["agent", "--query", "SELECT 1"]) == 3
    assert capsys.readouterr().err == (
        "gitward agent: apsw not installed, which the built-in tables need; "
        "run: pip install 'gitward[agent]'\n"
    )


def agent(controller, tmp_path, *arguments):
    command = [sys.executable, "-m", "controller", "agent", "--state", str(tmp_path / "state")]
    return subprocess.Popen(
        [*command, "--server", controller.url, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "GITWARD_ENROLLMENT_KEY": "key-1"},
    )


def test_once_does_one_round_and_exits_0(controller, tmp_path):
    with agent(controller, tmp_path, "--once") as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert len(controller.reports) == 1


def test_once_that_could_not_report_exits_3(controller, tmp_path):
    controller.url = "http://127.0.0.1:9"

    with agent(controller, tmp_path, "--once") as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == 3
    assert "gave no answer" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_agent_cleanly_while_it_waits(controller, tmp_path, number):
    reported = threading.Event()
    answer = controller.defaults["POST /compliance/results"]

    def tell(seen):
        reported.set()
        return answer(seen)

    controller.defaults["POST /compliance/results"] = tell
    with agent(controller, tmp_path) as process:
        assert reported.wait(60)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert said.endswith("gitward agent: stopped\n")
