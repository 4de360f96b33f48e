"""docs/reference/operators.md is true: every example is run, here and as SlimRMM's agent would."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.terms import (
    EXISTENCE_OPERATORS,
    NUMERIC_OPERATORS,
    OPERATOR_ALIASES,
    OPERATORS,
)
from controller.scoring.judge import judge
from tests.scoring.slimrmm import answer

PAGE = (Path(__file__).parents[2] / "docs/reference/operators.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"^\| `(\w+)` \| `(.+)` \| `(\[.*\])` \| (passed|failed|error) \| (passed|failed|by chance) \|$",
    re.MULTILINE,
)
AGREEING, DIFFERING = (EXAMPLE.findall(part) for part in PAGE.split("## Where they differ"))


@pytest.mark.parametrize(("operator", "expected", "rows", "here", "slimrmm"), AGREEING + DIFFERING)
def test_an_example_is_answered_as_the_page_says(operator, expected, rows, here, slimrmm):
    arguments = (operator, json.loads(expected), json.loads(rows))

    assert judge(*arguments).outcome == here
    assert answer(*arguments) == slimrmm


def test_the_two_tables_hold_what_their_headings_say():
    assert [row for row in AGREEING if row[3] != row[4]] == []
    assert [row for row in DIFFERING if row[3] == row[4]] == []


def test_every_operator_has_examples_and_every_alias_is_named():
    assert {row[0] for row in AGREEING} == set(OPERATORS)
    for alias, operator in OPERATOR_ALIASES.items():
        assert re.search(rf"^\| .*`{operator}`.* \| .*`{re.escape(alias)}`", PAGE, re.MULTILINE), (
            alias
        )


VALUES = st.sampled_from(
    [
        "",
        "0",
        "1",
        "2",
        "-1",
        "+3",
        "1.5",
        ".5",
        "7.",
        "1e3",
        "14 days",
        "1m",
        "never",
        "no",
        " 4",
        "-",
    ]
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=4)
NUMBERS = st.sampled_from(["0", "1", "-1", "2.5", "14", "1000"])


@st.composite
def accepted_checks(draw: st.DrawFn) -> tuple[str, dict[str, str] | None]:
    """Operator and expectation as ``gitward validate`` lets them through."""
    operator = draw(st.sampled_from(OPERATORS))
    if operator in EXISTENCE_OPERATORS:
        return operator, None
    if operator in NUMERIC_OPERATORS:
        return operator, {draw(st.sampled_from("abc")): draw(NUMBERS)}
    return operator, draw(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1, max_size=2))


@given(check=accepted_checks(), rows=ROWS)
def test_a_check_that_validates_gets_the_answer_of_slimrmms_agent(check, rows):
    operator, expected = check

    assert judge(operator, expected, rows).outcome == answer(operator, expected, rows)
