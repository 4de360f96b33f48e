"""Run the checks that were asked for and say what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.agent.answer import Rows
from controller.errors import QueryFailedError, TableUnreadableError
from controller.model.machine import Asked
from controller.model.report import Result
from controller.model.terms import ReportedStatus
from controller.scoring.judge import judge

Query = Callable[[str], Rows]


def evaluate(
    asked: Sequence[Asked], query: Query, stopped: Callable[[], bool] = lambda: False
) -> tuple[Result, ...] | None:
    """One result for each check, in the same order; none when the agent was stopped meanwhile.

    A query that several checks share runs once, so that they all see the same facts.
    """
    answers: dict[str, Rows | str] = {}

    def ask(sql: str) -> Rows | str:
        if sql not in answers:
            answers[sql] = _answer(query, sql)
        return answers[sql]

    results = []
    for check in asked:
        if stopped():
            return None
        results.append(_evaluate(check, ask))
    return None if stopped() else tuple(results)


def _answer(query: Query, sql: str) -> Rows | str:
    """The rows, or why there are none."""
    try:
        return query(sql)
    except (QueryFailedError, TableUnreadableError) as error:
        return str(error)


def _evaluate(check: Asked, ask: Callable[[str], Rows | str]) -> Result:
    if check.check_type != "osquery":
        return _result(
            check, "error", f"this agent runs osquery checks only, not {check.check_type!r}"
        )
    if check.applies_when:
        applies = ask(check.applies_when)
        if isinstance(applies, str):
            return _result(check, "error", f"applies_when: {applies}")
        if not applies:
            return _result(check, "not_applicable", "applies_when returned no row")
    rows = ask(check.query)
    if isinstance(rows, str):
        return _result(check, "error", rows)
    verdict = judge(check.comparison_operator, check.expected_result, rows)
    return _result(check, verdict.outcome, verdict.details, rows)


def _result(check: Asked, status: ReportedStatus, details: str, rows: Rows | None = None) -> Result:
    return Result(
        check_id=check.check_id,
        status=status,
        rows=rows,
        actual_value=dict(rows[0]) if rows else None,
        details=details,
        digest=check.digest,
    )
