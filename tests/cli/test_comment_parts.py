"""A long plan as several comments: each whole in itself, together the plan."""

from __future__ import annotations

import random
import re
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from controller.cli.review.comment_parts import (
    LEAST,
    LIMITS,
    MOST_PARTS,
    Section,
    divide,
    number_of,
    parts,
    size,
)
from controller.cli.review.markdown import code
from controller.cli.review.plan_markdown import plan_markdown
from tests.cli.test_markdown import HOSTILE, body

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
OURS = {"<!--", "<details", "</details", "<sub", "</sub", "</summary"}
TABLE = ("| a | b |", "| --- | --- |")


def sections_of(seed: int) -> list[Section]:
    """Lists and tables of hostile text, some far longer than a part."""
    fate, numbers = random.Random(seed), count()

    def foreign() -> str:
        text = "".join(fate.choices("`|<>ab \\\u00e9\U0001f600", k=fate.randint(0, 250)))
        return f"{next(numbers)} {code(fate.choice([*HOSTILE, text, text]))}"

    def item() -> str:
        most = fate.choice([0, 2, 40, 200])
        return "\n".join([f"- {foreign()}", *(f"  - note: {foreign()}" for _ in range(most))])

    def cells() -> str:
        return f"| {foreign()} | {foreign()} |"

    found = []
    for number in range(fate.randint(0, 3)):
        table = fate.random() < 0.5
        rows = [cells() if table else item() for _ in range(fate.choice([0, 1, 20, 200]))]
        found.append(Section(f"Part {number}", TABLE if table else (), rows))
    return found


def tokens(text: str) -> list[Token]:
    found = []
    for token in READER.parse(text):
        found += [token, *(token.children or [])]
    return found


def html(text: str) -> list[str]:
    """Every tag that a host would take for markup."""
    raw = [t.content for t in tokens(text) if t.type in {"html_block", "html_inline"}]
    return re.findall(r"<!--|</?\w+", "\n".join(raw))


def whole(text: str) -> None:
    """A part opens nothing that it does not close, and shows no markup but ours."""
    found = html(text)
    assert found.count("<details") == found.count("</details")
    assert found.count("<summary") == found.count("</summary") == found.count("<details")
    assert set(found) <= {*OURS, "<summary"}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limit", [LEAST, 3 * LEAST])
def test_every_part_is_whole_within_the_limit_and_no_row_is_lost_or_cut(
    seed: int, limit: int
) -> None:
    sections = sections_of(seed)
    made = parts("summary\n", sections, "<sub>footer</sub>", limit)

    assert [number_of(each) for each in made] == [*range(1, len(made) + 1)]
    assert divide("\n".join(made)) == made
    for each in made:
        assert size(each) <= limit
        assert each.endswith("\n\n<sub>footer</sub>\n")
        whole(each)
    if len(made) < MOST_PARTS:
        lines = [line for each in made for line in each.split("\n")]
        rows = [line for s in sections for row in s.rows for line in row.split("\n")]
        shown = [line for line in lines if re.match(r"- \d|  - note|\| \d", line)]
        assert [row for row in rows if row in set(shown)] == shown
        assert len(shown) == len(rows) or "  - …" in lines


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=200), min_size=30, max_size=90))
def test_every_row_of_a_table_is_read_as_a_row_of_two_cells(texts: list[str]) -> None:
    rows = [f"| {code(text)} | {code(text)} |" for text in texts]
    made = parts("summary\n", [Section("Table", TABLE, rows)], "footer", LEAST)
    cells = [t for each in made for t in tokens(each) if t.type == "td_open"]
    assert len(cells) == 2 * len(rows) or len(made) == MOST_PARTS


@pytest.mark.parametrize("limit", LIMITS.values())
def test_ten_thousand_changes_are_numbered_parts_and_what_is_left_out_is_counted(
    limit: int,
) -> None:
    made = plan_markdown(body(10_000), limit)
    joined = "\n".join(made)
    left = re.search(r"Changes: … and (\d+) more", joined)

    assert 1 < len(made) <= MOST_PARTS
    assert all(size(each) <= limit for each in made)
    assert "10000 to change" in made[0]
    assert f"part 2 of {len(made)}" in made[1]
    assert (int(left[1]) if left else 0) + joined.count("- change `exception/") == 10_000
    for each in made:
        whole(each)


def test_a_short_plan_is_one_part_that_does_not_speak_of_others() -> None:
    (only,) = plan_markdown(body(3))
    assert "following comments" not in only
    assert divide(only) == [only]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "x\n<!-- gitward:plan -->\n",
        "<!-- gitward:plan:2 -->\n",
        "<!-- gitward:plan -->\n<!-- gitward:plan:3 -->\n",
        "<!-- gitward:plan -->\n<!-- gitward:plan -->\n",
    ],
)
def test_what_is_no_plan_has_no_parts(text: str) -> None:
    assert divide(text) is None
