"""Reading by lines takes nothing that libyaml's events refuse, and reads nothing otherwise."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.config import lines
from controller.config.builtin import builtin_files
from controller.config.lines import outline_of_lines
from controller.config.outline import outlines
from controller.config.text_guard import MAX_BYTES
from tests.benchmarks.repository import mixed_repository
from tests.config.repository import CATALOG, POLICY

INDENTS = st.sampled_from(["", "", "  ", "  ", "    ", " ", "   ", "      "])
DASHES = st.sampled_from(["", "", "- ", "- - ", "-", "-  ", "? "])
KEYS = st.sampled_from(
    [
        "", "", "a: ", "b: ", "c:", "a:  ", "starts_at: ", "checks:", "a-b_1: ", "true: ", "null:", "no: ",
        "A: ", "Aa: ", "'a': ", '"a": ', "a : ", "a:", "1: ", "<<: ", "é: ", "a b: ", "- : ", "a: b: ", "::",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    [
        "", "", "x", "x y", "x  y ", "x:y", "x: y", "x:", "x #c", "x#y", "x # c", "#c", "x :y", "x,[y]{z}",
        "12", "007", "1.5", "1_0", "2026-01-01", "2026-01-01 10:00:00Z", "12:30", ".5", ".inf", "...", "---",
        "-5", "- x", "-", "+1", "~", "null", "Null", "true", "TRUE", "no", "yes", "é", "\u00a0x", "x\u3000",
        "²",
        '"q"', '"q: #"', '""', '"q" # c', '"q"x', '"q', 'q"', '"q\\"q"', '"q\\n"', '"q\\\\"', "'q'", "'q''q'",
        "'q\\\"'", "''", "'q' 'q'", "[]", "[a, b]", "[a,b]", "[a, b", "[ a ]", "[a b]", "[a, ]", "[1, 0x1]",
        "[true, ~]", '["a, b", c]', '["a\\"]"]', "[a: b]", "[[a], b]", "[{a: b}]", "[2026-01-01]", "[a]: b",
        "{a: b}", "{a: b, a: c}", "{a: [b, c], d: e}", "{a: 1, starts_at: 2026-01-01}", "{}", "{a}", "{a:b}",
        '{a: "b, c: d", e: f}', "{true: a}", "{a: {b: c}}", "{ a: b }", "{a: b} # c", "{a: b}: c", "{a: }",
        "|", ">", ">-", "|-", "|+", ">2", "> # c", "|\n  x\n  y", ">-\n    x\n    y # z", "|\n x\n",
        ">\n   # x\n   y", "|-\n  x\n   y", ">-\n  x\n\n  y", "|\n\n  x", ">-\n  x \n  y", "&x y", "*x",
        "!t x",
        "!!str x", "@x", "`x", "%x", "(x)", "/x", "_", "x\ty", "\tx", "x\r", "x\n y", "x\n  # c", "x\n#c",
    ]
)  # fmt: skip
LINES = st.tuples(INDENTS, DASHES, KEYS, VALUES).map("".join)
ODD_LINES = st.sampled_from(
    ["", "#c", "  # c", "    # c", "  ", "---", "...", "--- x", "%YAML 1.1", "--- |"]
)
TEXTS = st.lists(LINES | LINES | LINES | ODD_LINES, max_size=8).map("\n".join)

REAL = (
    [file.content.decode() for file in builtin_files()]
    + [CATALOG, POLICY]
    + list(mixed_repository(10).values())
    + [path.read_text() for path in sorted(Path("exceptions").glob("*.yaml"))]
)
STROKES = [
    *" \n:-#'\"[]{},>|&*!%?~0\\\té.",
    "\n ",
    "\n  ",
    "  ",
    ": ",
    "- ",
    " #",
    "\n- ",
    "\n\n",
    "---\n",
    "",
]


def agree(text: str) -> bool:
    """Whether the lines were taken; then the events say the same."""
    found = outline_of_lines(text)
    if found is None:
        return False
    others = outlines(text)
    assert others is not None, text
    assert len(others) == 1, text
    assert repr(found) == repr(others[0]), text
    assert repr(outline_of_lines(text)) == repr(found), text  # now that its lines are known
    return True


@settings(max_examples=3_000, deadline=None)
@given(TEXTS, st.sampled_from(["\n", "\n", "\n", "", "\n\n", "\n  "]))
@example("a:\n- b\n- c: 1\n  d: >-\n    e\n    f\n", "")
@example("a:\n  - b: |\n     c\n    d: e", "\n")
@example("a: >-\n    b\n  # c\nd: e", "\n")
@example("a: >-\n  b\n    # c\nd: e", "\n")
@example("a: >-\n  b\n   \nc: d", "\n")
@example("a: b\n# c\n  d: e", "\n")
@example("# c\n\n  # c\na:\n  # c\n  - b: c", "\n")
@example("a:\n  b:\n  - c\n  d: e\nf:\n    - g:\n      - h\n      i: j", "\n")
@example("a:\n  - |\n   x\n  - >-\n    y\n", "")
@example("a: b\nc", "")
def test_any_text_of_lines_reads_alike_or_is_left_to_the_events(text, end):
    agree(text + end)


@settings(max_examples=1_500, deadline=None)
@given(st.sampled_from(REAL), st.randoms(use_true_random=False), st.integers(1, 4))
def test_what_slips_into_a_real_file_reads_alike_or_is_left_to_the_events(text, fate, times):
    for _ in range(times):
        text = _slipped(text, fate)
    agree(text)


def _slipped(text: str, fate: random.Random) -> str:
    """A key is hit by mistake, some text is lost, or lines are swapped."""
    at = fate.randrange(len(text) + 1)
    match fate.randrange(3):
        case 0:
            stroke: str = fate.choice(STROKES)
            return text[:at] + stroke + text[at:]
        case 1:
            return text[:at] + text[at + fate.choice([1, 1, 2, 5]) :]
        case _:
            several = text.split("\n")
            one, other = fate.randrange(len(several)), fate.randrange(len(several))
            several[one], several[other] = several[other], several[one]
            return "\n".join(several)


def test_most_real_files_are_read_by_their_lines():
    taken = [agree(text) for text in REAL]

    assert sum(taken) >= len(taken) * 2 // 3
    assert all(agree(text) for text in mixed_repository(50).values())


def test_the_places_of_checks_are_known():
    found = outline_of_lines(CATALOG)

    assert found is not None
    first, second, *_ = found.entries
    assert CATALOG.split("\n")[first[0] - 1][first[1] - 1 :].startswith("id: linux-firewall-on")
    assert CATALOG.split("\n")[second[0] - 1][second[1] - 1 :].startswith("id: linux-audit-on")


def test_what_is_kept_of_lines_is_bounded():
    many = "".join(f"key-{number}: {number}\n" for number in range(10_000))
    long = f"a: {'b' * 10_000}\n"

    assert agree(many)
    assert agree(long)
    assert 0 < len(lines._known) <= lines._MOST_KNOWN
    assert sum(map(len, lines._known)) <= lines._MOST_KNOWN * lines._LONGEST_KNOWN


@pytest.mark.parametrize(
    "line",
    [
        " ", "a: b   c   ", "a: '", 'a: "\\"', "a: [b, ", "a: {b: c, ", "a: b #", "a: b:c", "a:     ", "- ",
        "a: >-\n  b\n", "    # ", "a: >-\n", "a: b#", "- a: ", "a: 1", "a: [a", "{", "a: (", "a",
    ],
)  # fmt: skip
def test_no_text_makes_the_expression_search_for_long(line):
    # Were it worse than linear, each of these would take minutes.
    for text in (line * (MAX_BYTES // len(line)), "a: " + line * (MAX_BYTES // len(line)) + ": "):
        agree_or_not = outline_of_lines(text + "\n")
        assert agree_or_not is None or agree_or_not.value
