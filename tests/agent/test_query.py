import itertools
import os

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.agent.query import run_query
from controller.errors import QueryFailedError
from tests.agent.machines import ask, machine

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "


def test_values_come_in_osquerys_text_form():
    assert run_query("SELECT 1 AS i, 1.5 AS f, 2.0 AS w, NULL AS n, 'x' AS t, x'41ff' AS b") == (
        {"i": "1", "f": "1.5", "w": "2.0", "n": "", "t": "x", "b": "A\ufffd"},
    )


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t(a)",
        "CREATE TEMP TABLE t(a)",
        "INSERT INTO users(uid) VALUES (1)",
        "DELETE FROM users",
        "UPDATE users SET uid = 0",
        "DROP TABLE users",
        "ATTACH '/tmp/gitward-hostile.db' AS x",
        "DETACH main",
        "VACUUM INTO '/tmp/gitward-hostile.db'",
        "PRAGMA writable_schema = 1",
        "PRAGMA temp_store_directory = '/tmp'",
        "SELECT * FROM pragma_table_info('users')",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT writefile('/tmp/gitward-hostile.db', 'x')",
        "SELECT readfile('/etc/shadow')",
        "SELECT fts3_tokenizer('x', x'00')",
        "SELECT * FROM fts5('x')",
        "SELECT randomblob(1000000000)",
        "SELECT zeroblob(1000000000)",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM dbstat",
        "BEGIN",
        "SAVEPOINT a",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT 1",
        "",
        ";",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE users",
        "SELECT * FROM curl WHERE url = 'http://127.0.0.1'",
    ],
)
def test_a_query_that_is_no_plain_select_is_refused_and_leaves_nothing(sql, tmp_path):
    with pytest.raises(QueryFailedError):
        run_query(sql)

    assert not os.path.lexists("/tmp/gitward-hostile.db")


@pytest.mark.parametrize(
    ("sql", "bound"),
    [
        (FOR_EVER + "SELECT * FROM n", "more than 1000 rows"),
        ("SELECT printf('%.*c', 100000, 'x') FROM (VALUES (1), (2), (3))", "bytes"),
        ("SELECT printf('%.*c', 100000000, 'x')", "refused"),
        (FOR_EVER + "SELECT * FROM n ORDER BY hex(i), printf('%500d', i)", "memory"),
        ("SELECT 1" + " + 1" * 2000, "refused"),
        ("SELECT 1 WHERE '" + "x" * 20000 + "' = ''", "longer than"),
        ("SELECT 'a' LIKE '" + "%a" * 600 + "'", "refused"),
    ],
)
def test_a_query_that_wants_too_much_is_ended_by_a_named_bound(sql, bound):
    with pytest.raises(QueryFailedError, match=bound):
        run_query(sql)


@pytest.mark.parametrize(
    "sql",
    [
        FOR_EVER + "SELECT count(*) FROM n",
        FOR_EVER + "SELECT max(i) FROM n WHERE i % 2 = 3",
        FOR_EVER + "SELECT length(group_concat(i)) FROM n",
        "SELECT count(*) FROM system_controls a, system_controls b, system_controls c",
        "SELECT count(*) FROM file WHERE path LIKE '/proc/%%'",
    ],
)
def test_a_query_never_outlives_its_deadline(sql):
    # Every look at this clock moves it: the deadline comes after a number of looks, not of seconds.
    looks = itertools.count()

    with pytest.raises(QueryFailedError, match="deadline of 40 s"):
        run_query(sql, seconds=40, clock=lambda: float(next(looks)))


def test_a_misspelt_column_is_an_error_and_no_text():
    with pytest.raises(QueryFailedError, match="no such column"):
        run_query('SELECT "usrname" FROM users')


def test_file_without_a_path_names_what_is_missing():
    with pytest.raises(QueryFailedError, match="'file' needs path or directory in WHERE"):
        run_query("SELECT * FROM file")


def test_a_required_column_may_come_from_a_join_or_a_list(tmp_path):
    system = machine(
        tmp_path,
        {
            "/etc/passwd": "ann:x:7:7::/home/ann:/bin/sh\n",
            "/home/ann/": "",
            "/etc/a": "1",
            "/etc/b": "22",
        },
    )

    joined = ask(
        system, "SELECT f.type FROM file f, users u WHERE f.path = u.directory AND u.uid = 7"
    )
    listed = ask(system, "SELECT size FROM file WHERE path IN ('/etc/a', '/etc/b') ORDER BY 1")
    either = ask(system, "SELECT size FROM file WHERE path = '/etc/b' OR directory = '/home'")

    assert joined == ({"type": "directory"},)
    assert [row["size"] for row in listed] == ["1", "2"]
    assert len(either) == 2


def test_a_comparison_without_regard_to_case_loses_no_rows(tmp_path):
    system = machine(tmp_path, {"/proc/sys/kernel/Mixed": "1"})

    rows = ask(
        system, "SELECT name FROM system_controls WHERE name = 'KERNEL.MIXED' COLLATE NOCASE"
    )

    assert rows == ({"name": "kernel.Mixed"},)


def test_hidden_columns_answer_when_named_only():
    (row,) = run_query("SELECT * FROM users WHERE uid = 0")
    (named,) = run_query("SELECT pid_with_namespace FROM users WHERE uid = 0")

    assert "pid_with_namespace" not in row
    assert named == {"pid_with_namespace": "0"}


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("split('a,b;c', ',;', 2)", "c"),
        ("split('a', ',', 3)", ""),
        ("regex_match('OpenSSH_9.2p1', '_(\\d+)', 1)", "9"),
        ("regex_match('x', '(y)', 1)", ""),
        ("regex_split('a1b22c', '[0-9]+', 2)", "c"),
        ("inet_aton('10.0.0.1')", "167772161"),
        ("inet_aton('no')", ""),
        ("concat('a', 1)", "a1"),
    ],
)
def test_osquerys_own_functions_are_there(call, value):
    assert run_query(f"SELECT {call} AS v") == ({"v": value},)


def test_a_wrong_pattern_is_an_error_with_its_reason():
    with pytest.raises(QueryFailedError, match="unterminated"):
        run_query("SELECT regex_match('a', '(', 0)")


@given(st.text(max_size=200))
def test_any_text_gives_rows_or_a_query_error(sql):
    try:
        run_query(sql, seconds=5)
    except QueryFailedError:
        return


def test_the_sql_library_is_the_one_with_virtual_tables_by_name():
    assert apsw.sqlite_lib_version() >= "3.50"
