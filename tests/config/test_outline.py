"""The short way of reading takes nothing that the long way refuses, or reads otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.config import read_ahead
from controller.config.builtin import builtin_files
from controller.config.files import SourceFile, kind_of_path
from controller.config.parse import read
from controller.config.read_ahead import ReadAhead
from controller.config.read_ahead import read as read_folder
from controller.config.reading import judge, read_file
from controller.config.short_way import outlines_of
from controller.config.telling import told

CORPUS = Path(__file__).parents[1] / "corpus" / "yaml"
PIECES = st.sampled_from(
    [
        "a", "A", "b", "checks", "starts_at", "é", "x y", "0600", "12", "1.5", "no", "true", "null",
        "~", "2026-01-01", "'quoted'", '"d\\u0041"', "<<", "&x ", "*x", "!t ", "!!str ", "[", "]", "{",
        "}", ", ", ": ", ":", "- ", "? ", "\n", "\n  ", "\n    ", "---\n", "...\n", "# c\n", "|\n  t\n",
        ">-\n  f\n", "%YAML 1.1\n", "\t", "\u200b", "\r\n",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=25).map("".join)


def agree(content: bytes) -> bool:
    """Whether the short way took it; then both ways say the same."""
    plain = outlines_of(SourceFile("checks/x.yaml", content))
    if plain is None:
        return False
    reading = read("checks/x.yaml", content)
    assert reading.problems == ()
    assert repr([each.value for each in plain]) == repr([each.value for each in reading.documents])
    assert [each.spot for each in plain] == [(n.line, n.column) for n in reading.documents]
    for each, node in zip(plain, reading.documents, strict=True):
        checks = node.child("checks")
        items = checks.children if checks is not None and isinstance(checks.children, list) else []
        if set(each.value) == {"checks"} and all(isinstance(n.value, dict) for n in items):
            assert list(each.entries) == [(n.line, n.column) for n in items]
    return True


@settings(max_examples=1_500, deadline=None)
@given(TEXTS)
@example("a: 1\nA: 2\n")
@example("checks:\n- a: 1\n  b: [1, {c: d}]\n-\n  a: 2\n")
@example("? [a]\n: 1\n")
@example("{a: {b: [{c: 1}]}, starts_at: 2026-01-01}")
@example("starts_at: [2026-01-01]")
def test_any_text_reads_alike_or_is_left_to_the_long_way(text):
    agree(text.encode())


@pytest.mark.parametrize("name", sorted(json.loads((CORPUS / "expected.json").read_text())))
def test_the_corpus_reads_alike_or_is_left_to_the_long_way(name):
    agree((CORPUS / name).read_bytes())


@pytest.mark.parametrize("levels", [31, 32, 33])
def test_the_depth_that_is_taken_is_the_same(levels):
    content = ("{a: " * levels + "b" + "}" * levels).encode()

    assert agree(content) == (levels <= 32)


def test_shipped_files_are_read_the_short_way_and_come_to_the_same():
    files = builtin_files()

    assert all(agree(file.content) for file in files)
    for file in files:
        assert read_file(file) == told(file, "catalog")


def test_places_that_are_not_those_of_the_checks_are_not_believed():
    file = builtin_files()[0]
    plain = outlines_of(file)
    assert plain is not None

    for entries in (plain[0].entries[1:], (*plain[0].entries, (1, 1)), ()):
        assert judge(file, (plain[0]._replace(entries=entries),)) == read_file(file)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["policies/a.yaml", "exceptions/a.yaml", "checks/a.yaml", "gitward.yaml"]),
    st.lists(
        st.sampled_from(
            [
                "name: N\n", "cis_level: level_1\n", "target_os: linux\n", "target_os: all\n",
                "id: other\n", "schedule_type: manual\n", "check_id: c\n", "scope: global\n",
                "reason: Long enough for anybody.\n", "expires_at: 2026-12-01\n", "title: T\n",
                "starts_at: 2027-01-01\n", "include_checks: [a, a]\n", "builtin_checks: true\n",
                "checks: [{id: c, title: T, category: firewall, severity: low, cis_level: level_1, "
                "platforms: [linux], description: D, query: SELECT 1 AS x, "
                "comparison_operator: exists}]\n", "---\n",
            ]
        ),
        max_size=8,
    ).map("".join),
)  # fmt: skip
def test_both_ways_find_the_same_in_a_file(path, text):
    file = SourceFile(path, text.encode())
    kind = kind_of_path(path)

    assert kind is not None
    assert read_file(file) == told(file, kind)


def test_a_folder_read_ahead_is_the_folder(tmp_path):
    for number in range(30):
        file = tmp_path / f"policies/p{number}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text("name: [\n" if number == 7 else f"name: Policy {number}\n" * 2_000)
    (tmp_path / "policies/link.yaml").symlink_to("/etc/passwd")

    found = ReadAhead(tmp_path).result()

    assert found == read_folder(tmp_path)
    assert len(found.files) == 30
    assert found.problems[0][3] == "GW118"


def test_a_folder_is_read_here_when_the_second_process_dies(tmp_path, monkeypatch):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/a.yaml").write_text("name: A\n")
    monkeypatch.setattr(read_ahead, "_give", lambda *_: os._exit(9))

    assert ReadAhead(tmp_path).result() == read_folder(tmp_path)
