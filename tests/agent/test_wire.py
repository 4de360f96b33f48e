import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.agent import wire
from controller.agent.wire import Receipt, Work, read, report_body
from controller.errors import TryLaterError
from controller.model.report import Report, Result

AT = datetime(2026, 3, 1, 12, 0, 0, 5000, tzinfo=timezone(timedelta(hours=2)))


def sent(*results, run_id="r"):
    return json.loads(report_body(Report("id", AT, results, run_id)))


def test_a_report_has_the_fields_of_the_protocol():
    rows = ({"n": "1"},)
    result = Result("c", "passed", rows, {"n": "1"}, "1 row", "sha1:d")

    assert sent(result) == {
        "report_id": "id",
        "run_id": "r",
        "collected_at": "2026-03-01T10:00:00.005Z",
        "results": [
            {
                "check_id": "c",
                "digest": "sha1:d",
                "status": "passed",
                "actual_value": {"n": "1"},
                "rows": [{"n": "1"}],
                "details": "1 row",
            }
        ],
    }
    assert "run_id" not in sent(result, run_id=None)


def test_rows_go_whole_or_not_at_all():
    many = tuple({"n": "x" * 100} for _ in range(1000))
    long = ({"n": "x" * 3000},)
    empty = Result("c", "failed", (), None, "", None)

    results = sent(Result("a", "passed", many), Result("b", "passed", long, dict(long[0])), empty)[
        "results"
    ]

    assert "rows" not in results[0]
    assert "rows" not in results[1]
    assert results[1]["actual_value"].endswith("...")
    assert results[2]["rows"] == []


def test_a_report_stays_below_what_the_controller_takes():
    rows = tuple({"n": "x" * 1000} for _ in range(15))
    results = tuple(Result(f"c{n}", "passed", rows, None, "d" * 9000) for n in range(400))

    body = report_body(Report("id", AT, results, "r"))

    assert len(body) < 4 * 1024 * 1024
    assert len(json.loads(body)["results"]) == 400


@given(st.text())
def test_any_text_is_cut_to_a_limit_in_bytes_and_stays_text(text):
    (result,) = sent(Result("c", "error", None, {"v": text}, text * 50))["results"]

    assert len(result["details"].encode()) <= wire.MOST_DETAILS
    assert len(json.dumps(result["actual_value"], ensure_ascii=False).encode()) <= 3 * 2048
    assert "\0" not in result["details"]


def test_work_is_read_and_fields_of_newer_controllers_are_left_aside():
    body = {
        "run_id": "r",
        "poll_after_seconds": 60,
        "evaluations": [{"policy_id": "p", "due_at": "..."}],
        "checks": [
            {
                "check_id": "c",
                "digest": "d",
                "cis_id": None,
                "check_type": "osquery",
                "query": "SELECT 1",
                "comparison_operator": "equals",
                "expected_result": {"a": "1"},
                "new": 1,
            }
        ],
    }

    (asked,) = read(json.dumps(body).encode(), Work).asked()

    assert (asked.check_id, asked.expected_result, asked.applies_when) == ("c", {"a": "1"}, None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"run_id": 1}', b"\xff"])
def test_an_answer_of_something_else_is_a_reason_to_try_later(body):
    with pytest.raises(TryLaterError, match="not a controller's"):
        read(body, Work)


def test_a_receipt_needs_nothing_but_an_object():
    assert read(b"{}", Receipt).score is None
    assert read(b'{"score": {"score": null}}', Receipt).score is not None
