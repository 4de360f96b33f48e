from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.posture import Posture
from controller.scoring.score import Score, Target, score, tally
from tests.scoring.naive import Item, naive_score

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
SEVERITIES = ["critical", "high", "medium", "low"]
OUTCOMES = ["passed", "failed", "error", "not_applicable", "pending"]


def target_and_posture(
    items: list[Item], threshold: float, *, count_errors: bool = True
) -> tuple[Target, Posture]:
    severity = dict.fromkeys(SEVERITIES, 0)
    outcome = dict.fromkeys(OUTCOMES, 0)
    exempted = 0
    for position, item in enumerate(items):
        bit = 1 << position
        outcome[item.outcome] |= bit
        if item.exempted:
            exempted |= bit
        else:
            severity[item.severity] |= bit
    exact = Fraction(str(threshold))
    counted = severity["critical"] | severity["high"] | severity["medium"] | severity["low"]
    target = Target(
        **severity,
        exempted=exempted,
        not_applicable=0,
        counted_errors=counted if count_errors else 0,
        threshold=(exact.numerator, exact.denominator),
    )
    posture = Posture(
        outcome["passed"], outcome["failed"], outcome["error"], outcome["not_applicable"]
    )
    return target, posture


def as_case(found: Score) -> dict[str, Any]:
    return {
        "score": found.score,
        "compliant": found.compliant,
        "risk_level": found.risk_level,
        "passed_weight": found.passed_weight,
        "total_weight": found.total_weight,
        "counts": {
            "passed": found.passed,
            "failed": found.failed,
            "error": found.error,
            "exempted": found.exempted,
            "not_applicable": found.not_applicable,
            "pending": found.pending,
        },
        "failed_by_severity": found.failed_by_severity,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_worked_case_gets_the_score_computed_apart(case: dict[str, Any]) -> None:
    items = [Item(each["severity"], each["outcome"], each["exempted"]) for each in case["checks"]]
    target, posture = target_and_posture(
        items, case["threshold"], count_errors=case["error_handling"] == "count"
    )

    assert as_case(score(target, posture)) == case["expected"]


ITEMS = st.lists(
    st.builds(Item, st.sampled_from(SEVERITIES), st.sampled_from(OUTCOMES), st.booleans()),
    max_size=60,
)
THRESHOLDS = st.integers(0, 1000).map(lambda tenth: tenth / 10)


@given(ITEMS, THRESHOLDS, st.booleans())
def test_masks_and_a_plain_loop_always_agree(
    items: list[Item], threshold: float, count: bool
) -> None:
    target, posture = target_and_posture(items, threshold, count_errors=count)
    for item in items:
        item.counts_error = count

    assert as_case(score(target, posture)) == naive_score(items, threshold)


@given(ITEMS, THRESHOLDS, st.randoms())
def test_the_order_of_checks_never_matters(
    items: list[Item], threshold: float, random: Any
) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)

    assert score(*target_and_posture(items, threshold)) == score(
        *target_and_posture(shuffled, threshold)
    )


@given(ITEMS, THRESHOLDS)
def test_there_is_no_score_exactly_when_nothing_counts(items: list[Item], threshold: float) -> None:
    found = score(*target_and_posture(items, threshold))

    assert (found.score is None) == (found.total_weight == 0)
    assert (found.compliant is None) == (found.score is None)
    assert (found.risk_level == "unknown") == (found.score is None)


@given(ITEMS, THRESHOLDS)
def test_a_shown_score_never_crosses_the_threshold(items: list[Item], threshold: float) -> None:
    found = score(*target_and_posture(items, round(threshold, 2)))

    if found.score is not None and not found.compliant:
        assert Fraction(str(found.score)) < Fraction(str(round(threshold, 2)))


@given(ITEMS, THRESHOLDS)
def test_another_pass_never_lowers_a_score(items: list[Item], threshold: float) -> None:
    before = score(*target_and_posture(items, threshold))
    after = score(*target_and_posture([*items, Item("high", "passed")], threshold))

    assert after.hundredths is not None
    assert after.hundredths >= (before.hundredths or 0)


@given(ITEMS, THRESHOLDS)
def test_the_stored_part_equals_the_full_score(items: list[Item], threshold: float) -> None:
    target, posture = target_and_posture(items, threshold)
    short, full = tally(target, posture), score(target, posture)

    assert (short.hundredths, short.risk) == (full.hundredths, full.risk_level)


@given(ITEMS)
def test_every_selected_check_is_counted_exactly_once(items: list[Item]) -> None:
    found = score(*target_and_posture(items, 80))

    assert len(items) == sum(as_case(found)["counts"].values())
