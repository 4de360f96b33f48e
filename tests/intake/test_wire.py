from __future__ import annotations

import json
import uuid
from math import inf
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.errors import MalformedError, RejectedError
from controller.intake.wire import parse_report
from controller.model.report import Report

ID = str(uuid.uuid4())


def body(**fields: Any) -> bytes:
    base: dict[str, Any] = {
        "report_id": ID,
        "collected_at": "2026-06-01T12:00:00Z",
        "results": [{"check_id": "c1", "status": "passed"}],
    }
    return json.dumps(base | fields).encode()


def result(**fields: Any) -> bytes:
    return body(results=[{"check_id": "c1", "status": "passed"} | fields])


def test_a_report_is_read_whole() -> None:
    rows = [{"value": "no"}]

    report = parse_report(result(rows=rows, actual_value={"a": [1, None]}, details="x", digest="d"))

    assert report.report_id == ID
    assert report.results[0].rows == ({"value": "no"},)
    assert report.results[0].actual_value == {"a": [1, None]}


REFUSED = {
    "a machine id in the body": body(agent_uuid=ID),
    "an unknown field of a result": result(severity="low"),
    "an unknown status": result(status="PASSED"),
    "a status that only scoring knows": result(status="exempted"),
    "a number for a text": result(check_id=7),
    "rows that are not texts": result(rows=[{"a": 1}]),
    "rows that are no list": result(rows={"a": "1"}),
    "one check twice": body(results=[{"check_id": "c", "status": "passed"}] * 2),
    "a report id that is none": body(report_id="../etc"),
    "a time without offset": body(collected_at="2026-06-01T12:00:00"),
    "a date alone": body(collected_at="2026-06-01"),
    "an impossible time": body(collected_at="2026-13-41T99:00:00Z"),
    "a year outside of time": body(collected_at="0001-01-01T00:00:00+14:00"),
    "no results": body(results=None),
    "a list instead of an object": b"[]",
    "an integer beyond 64 bits": result(actual_value=2**63),
    "half of a surrogate pair": result(details="\ud800"),
    "a NUL character": result(details="a\x00b"),
}


@pytest.mark.parametrize("hostile", REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_report_is_refused_with_its_field(hostile: bytes) -> None:
    with pytest.raises(RejectedError) as refused:
        parse_report(hostile)

    assert not isinstance(refused.value, MalformedError)
    assert refused.value.problems


MALFORMED = {
    "not JSON": b"{",
    "not UTF-8": b'{"a": "\xff"}',
    "NaN": body().replace(b'"passed"', b"NaN"),
    "infinity": body().replace(b'"passed"', b"1e999"),
    "a duplicate key": body()[:-1] + b', "report_id": "x"}',
    "a duplicate key deep inside": result(rows=[{"a": "1"}]).replace(
        b'{"a": "1"}', b'{"a":"1","a":"2"}'
    ),
    "too deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "much too deep": b"[" * 100_000,
    "empty": b"",
}


@pytest.mark.parametrize("hostile", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_strict_json_is_malformed(hostile: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_report(hostile)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_no_bytes_at_all_raise_anything_else(data: bytes) -> None:
    with pytest.raises(RejectedError):
        parse_report(data)


_TEXT = st.text(max_size=8)
_VALUE = st.none() | st.booleans() | _TEXT | st.integers(-(2**66), 2**66) | st.floats()
_RESULT = st.fixed_dictionaries(
    {"check_id": _TEXT, "status": st.sampled_from(["passed", "failed", "error", "well"])},
    optional={
        "digest": st.none() | _TEXT,
        "actual_value": _VALUE | st.lists(_VALUE, max_size=2) | st.dictionaries(_TEXT, _VALUE),
        "details": st.none() | _TEXT,
        "rows": st.none() | st.lists(st.dictionaries(_TEXT, _TEXT | st.integers()), max_size=2),
    },
)


@example(
    results=[{"check_id": "", "status": "passed", "actual_value": inf, "rows": [{"": 2**63}]}],
    separators=None,
    ascii_only=True,
)
@given(
    results=st.lists(_RESULT, max_size=3),
    separators=st.sampled_from([None, (",", ":"), (", ", ": ")]),
    ascii_only=st.booleans(),
)
def test_the_order_of_fields_and_the_blanks_decide_nothing(
    results: list[dict[str, object]], separators: tuple[str, str] | None, ascii_only: bool
) -> None:
    """Our agent's own order is read in a shorter way than any other."""
    ours = ("check_id", "digest", "status", "actual_value", "details", "rows")
    found: list[Report | None] = []
    for order in (ours, ours[::-1]):
        ordered = [{key: each[key] for key in order if key in each} for each in results]
        report = {"report_id": ID, "collected_at": "2026-06-01T12:00:00Z", "results": ordered}
        text = json.dumps(report, ensure_ascii=ascii_only, separators=separators)
        try:
            found.append(parse_report(text.encode("utf-8", "surrogatepass")))
        except RejectedError:  # where two things are wrong, the first is named
            found.append(None)
    assert found[0] == found[1]
