from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.config.parse import read
from controller.config.patch import patch, removal

POLICY = """\
# Office machines
name: Office # shown in lists
cis_level: level_1
target_os: linux

# who
target_tags:
  - office
  - lab
description: |
  Two
  lines
passing_score_threshold: 80   # agreed with Ann
"""
CATALOG = """\
catalog: base
title: Base
checks:
  # the first
  - id: one
    title: One
    severity: low
  - id: two
    title: "Two" # quoted
    severity: high
"""


def applied(tmp_path, name: str, text: str, diff: str | None) -> Any:
    """What git makes of the patch; none when that removes the file."""
    assert diff is not None
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tmp_path, check=True)
    return file.read_bytes().decode() if file.exists() else None


def values(text: str) -> list[Any]:
    return [document.value for document in read("x", text.encode()).documents]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"passing_score_threshold": 90}, "passing_score_threshold: 90   # agreed with Ann\n"),
        ({"name": "Lab"}, "name: Lab # shown in lists\n"),
        ({"name": "a: b"}, 'name: "a: b" # shown in lists\n'),
        ({"name": "no"}, 'name: "no" # shown in lists\n'),
        ({"enabled": False}, "agreed with Ann\nenabled: false\n"),
        ({"target_tags": ["x", "y z"]}, "# who\ntarget_tags: [x, y z]\ndescription"),
        ({"target_tags": None}, "# who\ndescription: |\n"),
        ({"description": "one"}, "description: one\npassing"),
        ({"severity_overrides": {"a": "low"}}, "severity_overrides: {a: low}\n"),
    ],
)
def test_a_patch_sets_a_field_and_keeps_everything_else(tmp_path, changes, line):
    diff = patch(POLICY, "policies/office.yaml", 0, changes)

    after = applied(tmp_path, "policies/office.yaml", POLICY, diff)
    assert line in after
    assert [c for c in ("# Office", "# shown", "# who", "# agreed") if c not in after] == []
    wanted = values(POLICY)[0] | changes
    assert values(after)[0] == {k: v for k, v in wanted.items() if v is not None}


def test_a_check_inside_a_catalog_is_found_by_its_id(tmp_path):
    diff = patch(CATALOG, "checks/base.yaml", "two", {"title": "Zwei", "cis_id": "1.10"})

    after = applied(tmp_path, "checks/base.yaml", CATALOG, diff)
    assert '    title: "Zwei" # quoted\n    severity: high\n    cis_id: "1.10"\n' in after
    assert "# the first" in after


def test_a_time_is_written_as_people_write_it():
    text = "check_id: a\nexpires_at: 2026-12-31\n"

    day = patch(text, "e.yaml", 0, {"expires_at": "2027-01-31"})
    instant = patch(text, "e.yaml", 0, {"expires_at": datetime(2027, 1, 31, 12, tzinfo=UTC)})

    assert "+expires_at: 2027-01-31\n" in str(day)
    assert "+expires_at: 2027-01-31T12:00:00Z\n" in str(instant)


@pytest.mark.parametrize(
    ("text", "document", "changes"),
    [
        pytest.param("a: [1, # x\n 2]\n", 0, {"a": [3]}, id="a comment would be lost"),
        pytest.param("a: 1 # why\n", 0, {"a": None}, id="a comment would be lost by removing"),
        pytest.param("{a: 1}\n", 0, {"b": 2}, id="no line to add to"),
        pytest.param("a: 1\n", 3, {"a": 2}, id="no such document"),
        pytest.param("id: x\na: 1\n", "y", {"a": 2}, id="no such id"),
        pytest.param("a: &x 1\n", 0, {"a": 2}, id="a file that the reader refuses"),
        pytest.param("- a\n", 0, {"a": 2}, id="no mapping"),
    ],
)
def test_what_cannot_be_done_exactly_is_not_done(text, document, changes):
    assert patch(text, "x.yaml", document, changes) is None


@pytest.mark.parametrize("text", ["id: x\r\na: 1\r\n", "id: x\na: 1", "id: x\na: 1\n"])
def test_line_ends_are_kept(tmp_path, text):
    diff = patch(text, "x.yaml", "x", {"b": "c"})

    after = applied(tmp_path, "x.yaml", text, diff)
    assert after in {"id: x\r\na: 1\r\nb: c\r\n", "id: x\na: 1\nb: c", "id: x\na: 1\nb: c\n"}
    assert after.count("\r") in {0, 3}


def test_the_last_document_takes_its_file_with_it(tmp_path):
    diff = removal(POLICY, "policies/office.yaml", 0)

    assert "+++ /dev/null" in str(diff)
    assert applied(tmp_path, "policies/office.yaml", POLICY, diff) is None


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_one_of_several_documents_is_removed_alone(tmp_path, name):
    text = "id: a\nx: 1\n---\nid: b\nx: 2\n---\nid: c\n"

    after = applied(tmp_path, "p.yaml", text, removal(text, "p.yaml", name))
    assert [value["id"] for value in values(after)] == [i for i in "abc" if i != name]


@pytest.mark.parametrize(("name", "left"), [("one", "two"), ("two", "one")])
def test_a_check_is_removed_from_its_catalog(tmp_path, name, left):
    after = applied(tmp_path, "c.yaml", CATALOG, removal(CATALOG, "c.yaml", name))

    (only,) = values(after)[0]["checks"]
    assert only["id"] == left
