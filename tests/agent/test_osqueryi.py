from pathlib import Path

import psutil
import pytest

from controller.agent import osqueryi
from controller.errors import QueryFailedError, UsageError
from tests.integration.served import until


@pytest.fixture
def program(tmp_path):
    """Makes an osqueryi from lines of shell; the query is its last argument."""

    def make(*lines: str) -> Path:
        path: Path = tmp_path / "osqueryi"
        path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
        path.chmod(0o755)
        return path

    return make


def has_ended(pid: int) -> bool:
    """Gone, or only waiting for whoever adopted it to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_rows_are_what_it_prints_and_the_query_is_one_argument(program):
    made = program(
        'printf \'[{"last": "%s", "count": "%s"}]\' "$(printf %s "$4" | tr -d \\\')" "$#"'
    )

    rows = osqueryi.run_query(made, "SELECT 'a b' AS x")

    assert rows == ({"last": "SELECT a b AS x", "count": "4"},)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("echo 'Error: no such table: x' >&2", "echo '[]'"), "no such table: x"),
        (("exit 1",), "it gave no reason"),
        (("echo 'not json'",), "no JSON rows"),
        (("echo '[1]'",), "no JSON rows"),
    ],
)
def test_what_goes_wrong_is_told(program, lines, reason):
    with pytest.raises(QueryFailedError, match=reason):
        osqueryi.run_query(program(*lines), "SELECT 1")


def test_one_that_hangs_is_ended_with_all_that_it_started(program, tmp_path):
    made = program("sleep 600 &", f'echo "$!" > {tmp_path}/child', "wait")

    with pytest.raises(QueryFailedError, match="deadline"):
        osqueryi.run_query(made, "SELECT 1", seconds=0.1)

    child = int((tmp_path / "child").read_text())
    until(lambda: has_ended(child), "the end of what it started")


def test_one_that_prints_for_ever_is_ended(program):
    with pytest.raises(QueryFailedError, match=r"printed more than|deadline"):
        osqueryi.run_query(program("exec yes"), "SELECT 1", seconds=20)


@pytest.mark.parametrize(
    "sql",
    [
        ".shell rm -rf /tmp/x",
        "SELECT 1; SELECT 2",
        "ATTACH 'x' AS y",
        "SELECT * FROM curl WHERE url = 'http://example.com'",
        'SELECT * FROM "curl" WHERE url = 1',
        "SELECT * FROM /* c */ carves",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "",
    ],
)
def test_a_query_that_reaches_further_never_starts_it(program, tmp_path, sql):
    made = program(f"touch {tmp_path}/started", "echo '[]'")

    with pytest.raises(QueryFailedError):
        osqueryi.run_query(made, sql)

    assert not (tmp_path / "started").exists()


def test_words_inside_texts_are_no_reason_to_refuse(program):
    assert osqueryi.run_query(program("echo '[]'"), "SELECT ';curl' AS a, 'drop' ;") == ()


def test_a_named_program_that_is_missing_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be run"):
        osqueryi.find(tmp_path / "absent")
