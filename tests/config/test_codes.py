from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from controller.config.codes import CODES
from controller.config.codes.page import page
from controller.config.load import SourceFile, load
from tests.config.repository import AS_OF, codes_of, errors, repository
from tests.config.test_codes_on_disk import ON_DISK

ROOT = Path(__file__).parents[2]
SETTINGS = SourceFile("gitward.yaml", b"exceptions: {require_owner: true, require_ticket: true}\n")
TOLD_APART = {*ON_DISK, *(code for code in CODES if code.startswith("GW6"))}
"""Their examples cannot be written as text: they are made on disk, and tests/reconcile/test_revision_codes
makes those that only a reconciler finds."""


def test_the_base_repository_has_no_error():
    assert not errors(load(repository(), as_of=AS_OF))


@pytest.mark.parametrize(
    "code", [c for c in CODES.values() if c.id not in TOLD_APART], ids=lambda c: c.id
)
def test_the_wrong_example_has_the_problem_and_the_right_one_has_not(code):
    settings = [SETTINGS] if code.id in {"GW406", "GW407"} else []
    wrong, twin = code.wrong, []
    if "\n---\n" in wrong and code.example == "exception":
        first, second = wrong.split("\n---\n")
        wrong = f"id: first\n{first}"
        twin.append(SourceFile("exceptions/twin.yaml", second.encode()))

    assert code.id in codes_of(code.example, wrong, *settings, *twin)
    assert code.id not in codes_of(code.example, code.right, *settings)


@pytest.mark.parametrize(
    "code", [c for c in CODES.values() if c.example != "file"], ids=lambda c: c.id
)
def test_the_right_example_is_otherwise_without_error(code):
    found = codes_of(code.example, code.right)

    assert {c for c in found if CODES[c].level == "error"} == set()


def test_every_code_in_the_program_is_in_the_table_and_every_row_is_used():
    used = set()
    for file in (ROOT / "controller").rglob("*.py"):
        if "codes" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used |= set(re.findall(r"^GW[0-9]{3}$", node.value))

    assert used == set(CODES)


def test_the_page_in_the_documentation_is_fresh():
    assert (ROOT / "docs/reference/problems.md").read_text() == page()
