"""The agent's side of the HTTP bodies: read work, write reports. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Final, TypeVar

import msgspec

from controller.agent.answer import clean
from controller.errors import TryLaterError
from controller.model.machine import Asked
from controller.model.report import Report, Result, Row

MOST_VALUE: Final = 2 * 1024
"""Bytes of one value that the controller keeps."""
MOST_DETAILS: Final = 4 * 1024
MOST_ROWS_BYTES: Final = 16 * 1024
"""Rows of one check beyond this stay here: cut rows would be judged wrongly, so all or none go."""
MOST_REPORT_ROWS_BYTES: Final = 2 * 1024 * 1024
"""Rows of one report together; the controller takes 4 MiB in all."""


_Shape = TypeVar("_Shape")


class _Check(msgspec.Struct):
    check_id: str
    digest: str
    check_type: str
    query: str
    comparison_operator: str
    cis_id: str | None = None
    expected_result: dict[str, str] | str | None = None
    applies_when: str | None = None


class Work(msgspec.Struct):
    """What is due; fields that a newer controller adds are left aside."""

    run_id: str
    poll_after_seconds: float
    checks: list[_Check]

    def asked(self) -> tuple[Asked, ...]:
        """The checks to run."""
        return tuple(Asked(**msgspec.structs.asdict(check)) for check in self.checks)


class Enrollment(msgspec.Struct):
    """The answer to a registration."""

    uuid: str
    status: str
    agent_token: str
    poll_interval_seconds: float = 30.0


class EnrollmentState(msgspec.Struct):
    """The answer to a question about a registration."""

    status: str


class Score(msgspec.Struct):
    """A machine's overall score; null where nothing was assessed."""

    score: float | None = None
    risk_level: str = "unknown"
    compliant: bool | None = None


class Receipt(msgspec.Struct):
    """The answer to a report."""

    accepted: int = 0
    duplicate: bool = False
    superseded: bool = False
    unknown_checks: list[str] = []
    outdated_checks: list[str] = []
    score: Score | None = None


def read(body: bytes, shape: type[_Shape]) -> _Shape:
    """A controller's answer in its shape.

    Raises:
        TryLaterError: It is something else; a proxy in between may have answered.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TryLaterError(f"the answer is not a controller's: {error}") from error


def report_body(report: Report) -> bytes:
    """A report as ``POST /compliance/results`` takes it."""
    left = MOST_REPORT_ROWS_BYTES
    results = []
    for result in report.results:
        body = _result(result)
        rows = _sendable(result.rows)
        size = len(json.dumps(rows))
        if rows is not None and size <= left:
            left -= size
            body["rows"] = rows
        results.append(body)
    collected_at = report.collected_at.astimezone(UTC).isoformat(timespec="milliseconds")
    body = {
        "report_id": report.report_id,
        "collected_at": collected_at.replace("+00:00", "Z"),
        "results": results,
    }
    if report.run_id is not None:
        body["run_id"] = report.run_id
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _result(result: Result) -> dict[str, object]:
    return {
        "check_id": result.check_id,
        "digest": result.digest,
        "status": result.status,
        "actual_value": _shown(result.actual_value),
        "details": _cut(clean(result.details), MOST_DETAILS),
    }


def _sendable(rows: Sequence[Row] | None) -> list[dict[str, str]] | None:
    """The rows when all of them fit, else none: the status that was judged here then stands."""
    if rows is None:
        return None
    if any(len(value.encode()) > MOST_VALUE for row in rows for value in row.values()):
        return None
    found = [dict(row) for row in rows]
    return found if len(json.dumps(found)) <= MOST_ROWS_BYTES else None


def _shown(value: object) -> object:
    """The value when it is small, else the beginning of its text."""
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text.encode()) <= MOST_VALUE else _cut(text, MOST_VALUE)


def _cut(text: str, most: int) -> str:
    data = text.encode()
    return text if len(data) <= most else data[: most - 3].decode(errors="ignore") + "..."
