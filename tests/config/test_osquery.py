from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.osquery import _compile as compile_as_it_stands
from controller.config.osquery import compile_query, tables

LINUX = ("linux",)
MANY_TABLES = ", ".join(["SELECT 1 FROM users", *(f"users u{n}" for n in range(60))])
DOUBLED = [f"a{n + 1} AS (SELECT x FROM a{n} UNION SELECT x FROM a{n})" for n in range(60)]
DOUBLING = " ".join([", ".join(["WITH a0 AS (SELECT 1 AS x)", *DOUBLED]), "SELECT x FROM a60"])


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("SELECT username FROM users", []),
        ("select u.username as name from users u join groups g using (gid)", []),
        ('SELECT "username" FROM users', []),
        ("SELECT username FROM users;", []),
        ("SELECT 'a;b?:c' AS x FROM users -- end", []),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a", []),
        ("SELECT regex_match(username, '^r', 0) AS x FROM users", []),
        ('SELECT username FROM users WHERE username = "root"', ["GW238"]),
        ("SELECT nme FROM users", ["GW232"]),
        ("SELECT * FROM user", ["GW231"]),
        ("SELECT * FROM alf", ["GW233"]),
        ("SELECT unknown_function(1)", ["GW230"]),
        ("SELECT (1", ["GW230"]),
        ("SELECT ?", ["GW237"]),
        ("SELECT 1; SELECT 2", ["GW237"]),
        ("SELECT 1; DROP TABLE users", ["GW237"]),
        ("INSERT INTO users VALUES (1)", ["GW237"]),
        ("WITH a AS (SELECT 1) DELETE FROM users", ["GW237"]),
        ("WITH a AS (SELECT 1) INSERT INTO users(uid) SELECT * FROM a", ["GW237"]),
        ("ATTACH DATABASE '/tmp/canary' AS x", ["GW237"]),
        ("PRAGMA user_version = 3", ["GW237"]),
        ("VACUUM INTO '/tmp/canary'", ["GW237"]),
        ("EXPLAIN SELECT 1", ["GW237"]),
        ("SELECT load_extension('/tmp/x')", ["GW237"]),
        ("SELECT * FROM sqlite_master", ["GW237"]),
        ("SELECT * FROM pragma_database_list", ["GW237"]),
        ("SELECT mode FROM file", ["GW235"]),
        ("SELECT path FROM file WHERE size > 3", ["GW235"]),
        ("SELECT mode FROM file WHERE path = '/x'", []),
        ("SELECT mode FROM file WHERE '/x' = path", []),
        ("SELECT mode FROM file WHERE path LIKE '/x/%%'", []),
        ("SELECT mode FROM file f WHERE f.directory IN ('/x')", []),
        ("SELECT f.mode FROM users u JOIN file f ON f.path = u.directory", []),
        ("SELECT f.mode FROM file AS f, hash h WHERE h.path = '/x'", ["GW235"]),
        ("SELECT mode FROM users JOIN file USING (directory)", []),
        ("", ["GW237"]),
    ],
)
def test_a_query_compiles_or_says_why_not(query, codes):
    assert [problem.code for problem in compile_query(query, LINUX).problems] == codes


def test_the_platforms_are_compiled_one_by_one():
    query = "SELECT file_version FROM file WHERE path = '/x'"

    assert compile_query(query, ("windows",)).problems == ()
    (problem,) = compile_query(query, ("windows", "linux")).problems
    assert problem.code == "GW234"
    assert "not on linux, only on windows" in problem.message


def test_the_columns_that_come_back_are_known_by_their_names():
    query = "SELECT u.uid, username AS name, count(*) FROM users u"

    assert sorted(compile_query(query, LINUX).columns or ()) == ["count(*)", "name", "uid"]
    assert "shell" in (compile_query("SELECT * FROM users", LINUX).columns or ())


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
        "SELECT zeroblob(1000000000), printf('%1000000000d', 1)",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        MANY_TABLES,
        DOUBLING,
    ],
)
def test_no_query_runs_or_runs_away(query):
    started = time.monotonic()

    compile_query(query, LINUX)

    assert time.monotonic() - started < 10


@given(st.text("selct from ur()'\"`[];-*/,.=1?\n", max_size=80))
def test_any_text_is_judged_without_raising(text):
    compile_query(text, LINUX)
    compile_query(f"SELECT {text}", LINUX)


def test_the_schema_knows_what_each_platform_has():
    file = tables()["file"]

    assert file.required == ("path", "directory")
    assert file.has("mode", "l")
    assert not file.has("file_version", "l")
    assert tables()["file_events"].event


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'a' FROM users",
        "SELECT username AS 'x' FROM users",
        "SELECT u.'username' FROM users u",
        "SELECT username FROM 'users'",
        "WITH 'a' AS (SELECT 1 AS x) SELECT x FROM a",
        "WITH 'a' AS (SELECT 1 AS x), 'b' AS (SELECT 2 AS x) SELECT a.x FROM a, b",
        "SELECT y FROM (SELECT username AS 'y' FROM users)",
        "SELECT username FROM users JOIN groups USING ('gid')",
        "SELECT username FROM users WHERE username = 'it''s'",
        "SELECT username FROM users WHERE username = 'open",
        "SELECT username FROM users ORDER BY 'uid'",
        "SELECT x'4142' AS b FROM users",
        "SELECT username FROM users WHERE username LIKE 'a%' ESCAPE '\\'",
        "SELECT path FROM file WHERE path = '/etc/x' AND nothing = 'y'",
        "SELECT '--' AS a, '/*' AS b FROM users WHERE username = '\"'",
        "SELECT username FROM users -- it's\nWHERE uid = 'x'",
        "SELECT username FROM users WHERE username = '?'",
    ],
)
def test_texts_decide_nothing_but_what_they_name(query):
    assert compile_query(query, LINUX) == compile_as_it_stands(query, LINUX)


@given(
    st.lists(
        st.sampled_from(
            ["SELECT ", "'a'", "'b c'", " AS ", "username", "uid", ", ", " FROM ", "users", "'users'",
             " WHERE ", " = ", "(", ")", " x", " || ", "lower(", " IN ", "'", "''", "WITH "]
        ),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_no_text_in_any_query_decides_more(query):
    assert compile_query(query, LINUX) == compile_as_it_stands(query, LINUX)
