"""docs/reference/checks.md says what the catalogs say."""

from __future__ import annotations

import pytest

from controller.cli.commands.explain import explain_check
from controller.config.catalog_page import page
from tests.content.documents import ROOT, checks

PAGE = ROOT / "docs/reference/checks.md"


def test_the_page_is_what_its_command_makes():
    same = PAGE.read_text(encoding="utf-8") == page()
    assert same, f"run: python -m controller.config.catalog_page > {PAGE.relative_to(ROOT)}"


@pytest.mark.parametrize("check", checks(), ids=lambda check: check["id"])
def test_a_check_is_in_the_table_and_explained(check):
    text = PAGE.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| [`{check['id']}`]"))
    entry = text.partition(f"#### {check['id']}\n")[2].partition("\n###")[0]

    assert check["title"] in row
    assert f"| {check['severity']} | {check['cis_level'][-1]} |" in row
    assert check["impact"] in entry
    assert check["remediation"]["steps"][0] in entry


@pytest.mark.parametrize(
    "check_id", ["linux-ssh-root-login", "win-remote-rdp-nla", "mac-encryption-filevault"]
)
def test_gitward_explain_tells_everything_about_a_check(check_id):
    check = next(check for check in checks() if check["id"] == check_id)
    told = explain_check(check_id, ROOT) or ""
    words = " ".join(told.split())

    for text in (check["title"], check["description"], check["impact"], check["query"]):
        assert " ".join(text.split()) in words
    for step in check["remediation"]["steps"]:
        assert step in told
    for part in (
        f"Platforms: {check['platforms'][0]}",
        "start-here",
        "Frameworks:",
        "passes when:",
    ):
        assert part in told
    assert ("Only where this returns a row" in told) == ("applies_when" in check)


def test_gitward_explain_says_what_slimrmms_agents_make_of_it():
    assert "over table 'augeas'" in (explain_check("linux-ssh-root-login", ROOT) or "")
    assert "SlimRMM" not in (explain_check("mac-encryption-filevault", ROOT) or "")
