from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.config import outline, parse
from controller.config.load import SourceFile, load, read_file
from controller.config.parse import read
from tests.config.repository import AS_OF, problems_of

CORPUS = Path(__file__).parents[1] / "corpus" / "yaml"
EXPECTED: dict[str, list[str]] = json.loads((CORPUS / "expected.json").read_text())
HANG = 10
"""Seconds; a hundred times what any of these takes."""


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_corpus_gets_the_codes_that_it_is_known_for(name):
    content = read("policies/x.yaml", (CORPUS / name).read_bytes())

    assert sorted({problem.code for problem in content.problems}) == EXPECTED[name]


def test_every_file_of_the_corpus_is_expected_to_do_something():
    assert {file.name for file in CORPUS.iterdir()} - {"expected.json"} == set(EXPECTED)


@pytest.mark.parametrize(
    "unit", ["[", "{", "{a: ", "- ", "? ", "? - ", "[a,", "[\n", "- [", "---\n", '"', "a: ", "!a "]
)
def test_no_depth_or_length_crashes_or_hangs_the_reader(unit):
    text = (unit * 200_000)[:240_000].encode()
    started = time.monotonic()

    reading = read("policies/x.yaml", text)

    assert reading.problems
    assert time.monotonic() - started < HANG


def test_deep_blocks_stop_at_the_limit_and_32_levels_are_read():
    def nested(levels: int) -> bytes:
        return "".join(" " * level + "a:\n" for level in range(levels)).encode()

    assert read("x", nested(32)).problems == ()
    assert [p.code for p in read("x", nested(33)).problems] == ["GW107"]


def test_a_file_beyond_the_limit_is_refused_unread():
    assert [p.code for p in read("x", b"a" * (256 * 1024 + 1)).problems] == ["GW104"]
    assert read("x", b"a: " + b"b" * (256 * 1024 - 3)).problems == ()


@given(st.binary(max_size=200))
def test_any_bytes_give_documents_or_problems(content):
    load(
        [SourceFile("policies/a.yaml", content), SourceFile("checks/a.yaml", content)], as_of=AS_OF
    )


@given(st.text("ab:-[]{}?!&*|>'\"#%@`,.\n \t0123456789_~=<é", max_size=120))
@settings(max_examples=300)
def test_any_punctuation_gives_documents_or_problems(text):
    for folder in ("policies", "checks", "exceptions"):
        load([SourceFile(f"{folder}/a.yaml", text.encode())], as_of=AS_OF)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("NO", "NO"), ("on", "on"), ("y", "y"), ("22:30", "22:30"),
        ("5.1.20", "5.1.20"), ("1.10", 1.1), ("true", True), ("False", False), ("~", None),
        ("null", None), ("", None), ("12", 12), ("-3", -3), ("+4", 4), ("0", 0), ("0.5", 0.5),
        ('"0644"', "0644"), ("'true'", "true"), ("a b", "a b"), (".", "."),
        ("1.2.3", "1.2.3"), ("9223372036854775807", 2**63 - 1), ("12 days", "12 days"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(written, value):
    reading = read("x", f"key: {written}\n".encode())

    assert reading.problems == ()
    assert reading.documents[0].value == {"key": value}


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("0644", "GW113"), ("0x1F", "GW113"), ("0o17", "GW113"), ("1_000", "GW113"),
        ("1e5", "GW113"), ("0b11", "GW113"), ("2027-01-31", "GW113"),
        ("2027-01-31T00:00:00Z", "GW113"), (".inf", "GW114"), ("-.INF", "GW114"), (".nan", "GW114"),
        ("9223372036854775808", "GW114"), ("9" * 5000, "GW114"), ("9" * 400 + ".0", "GW114"),
    ],
)  # fmt: skip
def test_scalars_that_readers_disagree_about_are_refused(written, code):
    assert [p.code for p in read("x", f"key: {written}\n".encode()).problems] == [code]


@pytest.mark.parametrize("written", ["2026-12-31", '"2026-12-31"', "2026-12-31T10:00:00+02:00"])
def test_time_fields_take_plain_and_quoted_dates(written):
    assert problems_of("exception", f"expires_at: {written}") == []


def test_duplicate_keys_name_both_lines():
    (problem,) = read("x", b"a: 1\nb: 2\na: 3\n").problems

    assert (problem.line, problem.column, problem.code) == (3, 1, "GW111")
    assert "line 1" in problem.message


def test_lines_and_columns_count_characters():
    document = read("x", "ключ: ü\nb: {c: [1, 😀, x]}\n".encode()).documents[0]
    found, taken = document.nearest(("b", "c", 2))

    assert (taken, found.value, found.line, found.column) == (3, "x", 2, 15)


def test_documents_before_a_break_are_kept_and_an_unfinished_one_is_not():
    reading = read("x", b"a: 1\n---\nb: [1\n")

    assert [d.value for d in reading.documents] == [{"a": 1}]
    assert [p.code for p in reading.problems] == ["GW105"]


def test_what_was_refused_while_reading_is_not_reported_again_as_a_wrong_shape():
    assert [p.code for p in problems_of("policy", "enabled: &a true\nname: *a")] == ["GW108"] * 2


def test_a_result_can_be_kept_and_used_again():
    file = SourceFile("policies/a.yaml", b"name: A\ncis_level: level_1\ntarget_os: linux\n")

    assert read_file(file) == read_file(file)


def test_python_s_own_parser_finds_the_same_in_the_corpus(monkeypatch):
    monkeypatch.setattr(parse, "Parser", yaml.SafeLoader)
    monkeypatch.setattr(outline, "Parser", yaml.SafeLoader)
    slow = {"hex-200000.yaml"}

    for name in EXPECTED.keys() - slow:
        found = {problem.code for problem in read("x", (CORPUS / name).read_bytes()).problems}
        assert bool(found) == bool(EXPECTED[name]), name
    assert [p.code for p in read("x", b"[" * 60_000).problems] == ["GW107"]
