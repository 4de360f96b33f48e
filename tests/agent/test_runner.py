import pytest

from controller.agent.runner import evaluate
from controller.errors import QueryFailedError, TableUnreadableError
from controller.model.machine import Asked

FACTS = {
    "empty": (),
    "one": ({"n": "1"},),
    "two": ({"n": "1"}, {"n": "2"}),
}


def query(sql):
    if sql == "hidden":
        raise TableUnreadableError("/etc/shadow cannot be read")
    if sql == "wrong":
        raise QueryFailedError("the query was refused: no such table: x")
    return FACTS[sql]


def check(sql="one", operator="exists", expected=None, applies_when=None, check_type="osquery"):
    return Asked("c", "sha1:d", None, check_type, sql, operator, expected, applies_when)


@pytest.mark.parametrize(
    ("asked", "status", "details"),
    [
        (check(), "passed", "1 row(s) returned"),
        (check("empty"), "failed", "0 row(s) returned"),
        (check("one", "gte", {"n": "2"}), "failed", "n is 1; expected n >= 2"),
        (check("two", "equals", {"n": "2"}), "passed", "2 row(s)"),
        (check("one", "like", {"n": "2"}), "error", "unknown operator 'like'"),
        (check("hidden"), "error", "/etc/shadow cannot be read"),
        (check("wrong"), "error", "no such table"),
        (check(applies_when="one"), "passed", ""),
        (check("hidden", applies_when="empty"), "not_applicable", "applies_when"),
        (check(applies_when="hidden"), "error", "applies_when: /etc/shadow cannot be read"),
        (check(check_type="registry"), "error", "osquery checks only, not 'registry'"),
        (check(check_type="command"), "error", "osquery checks only, not 'command'"),
    ],
)
def test_a_check_has_the_outcome_that_its_facts_give(asked, status, details):
    (result,) = evaluate([asked], query) or ()

    assert (result.check_id, result.digest, result.status) == ("c", "sha1:d", status)
    assert details in result.details


@pytest.mark.parametrize(
    "asked", [check("hidden"), check(applies_when="empty"), check(check_type="x")]
)
def test_without_an_answer_there_are_no_rows_to_judge_again(asked):
    (result,) = evaluate([asked], query) or ()

    assert result.rows is None


def test_the_first_row_is_the_actual_value():
    first, none = evaluate([check("two"), check("empty")], query) or ()

    assert (first.actual_value, none.actual_value) == ({"n": "1"}, None)


def test_a_query_that_checks_share_runs_once():
    ran = []

    def counting(sql):
        ran.append(sql)
        return query(sql)

    evaluate([check("one", applies_when="two"), check("two"), check("hidden")] * 2, counting)

    assert sorted(ran) == ["hidden", "one", "two"]


def test_a_stop_ends_the_round_without_results():
    asked = []

    def until_stopped(sql):
        asked.append(sql)
        return query(sql)

    assert evaluate([check("one"), check("two")], until_stopped, lambda: bool(asked)) is None
    assert asked == ["one"]
