"""The page about writing checks shows what works."""

from __future__ import annotations

import re

import yaml

from controller.model.documents import Catalog
from tests.content.documents import ROOT, checks

PAGE = (ROOT / "docs/concepts/writing-checks.md").read_text(encoding="utf-8")


def test_the_example_is_a_catalog():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    assert Catalog.model_validate(yaml.safe_load(example)).checks


def test_the_guards_it_recommends_are_those_that_the_catalogs_use():
    guards = re.findall(r"^\| [^|]+ \| `(SELECT [^`]+)` \|$", PAGE, re.M)
    used = [check["applies_when"] for check in checks() if "applies_when" in check]
    for guard in guards:
        before = guard.partition("'...'")[0]
        assert any(query.startswith(before) for query in used), guard
    assert len(guards) >= 4
