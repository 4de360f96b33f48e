"""What the shipped policies and exceptions show to someone who learns from them."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase

import pytest

from controller.model.terms import PLATFORMS
from tests.content.documents import ROOT, checks, exceptions, policies

POLICIES = {policy["id"]: policy for policy in policies()}


def test_a_linux_machine_without_tags_is_under_three_policies():
    untagged = [p["id"] for p in policies() if "target_tags" not in p]
    assert {"start-here", "linux-baseline", "linux-hardened"} <= set(untagged)


@pytest.mark.parametrize("target", PLATFORMS)
def test_each_platform_has_a_policy_of_its_own_for_either_level(target):
    levels = {p["cis_level"] for p in policies() if p["target_os"] == target}
    assert levels == {"level_1", "level_2"}


def test_start_here_is_small_on_every_platform_and_covers_it():
    patterns = POLICIES["start-here"]["include_checks"]
    for platform in PLATFORMS:
        chosen = [
            check["category"]
            for check in checks(platform)
            if any(fnmatchcase(check["id"], pattern) for pattern in patterns)
        ]
        assert 8 <= len(chosen) <= 20
        assert len(set(chosen)) >= 6


def test_start_here_holds_every_critical_check_of_linux():
    patterns = POLICIES["start-here"]["include_checks"]
    critical = [c["id"] for c in checks("linux") if c["severity"] == "critical"]
    assert [i for i in critical if not any(fnmatchcase(i, p) for p in patterns)] == []


def test_the_policies_show_every_way_to_schedule():
    assert {p.get("schedule_type", "continuous") for p in policies()} == {
        "continuous",
        "scheduled",
        "manual",
    }
    intervals = {p["check_interval_minutes"] for p in policies() if "check_interval_minutes" in p}
    assert len(intervals) >= 5


@pytest.mark.parametrize(
    "field",
    [
        "exclude_checks",
        "include_checks",
        "severity_overrides",
        "error_handling",
        "timezone",
        "protect",
    ],
)
def test_the_policies_show_the_field(field):
    assert any(field in policy for policy in policies())


def test_there_is_an_exception_of_every_scope_and_a_mitigated_one():
    found = list(exceptions().values())
    assert {waiver["scope"] for waiver in found} == {"global", "agent", "tag", "policy"}
    assert "mitigated" in {waiver.get("category") for waiver in found}


@pytest.mark.parametrize("path", list(exceptions()), ids=str)
def test_an_exception_begins_by_saying_what_it_teaches(path):
    assert (ROOT / path).read_text(encoding="utf-8").startswith("# Teaches: ")


def test_the_exceptions_leave_nearly_every_check_in_the_score():
    exempted = {
        check
        for waiver in exceptions().values()
        for check in waiver.get("check_ids", [waiver.get("check_id")])
    }
    assert len(exempted) * 10 <= len(checks("linux"))


def test_an_exception_never_touches_a_critical_check():
    severities = {check["id"]: check["severity"] for check in checks()}
    for waiver in exceptions().values():
        for check in waiver.get("check_ids", [waiver.get("check_id")]):
            assert severities[check] != "critical"


def test_an_exception_names_who_asked_who_agreed_and_for_how_long():
    for waiver in exceptions().values():
        assert waiver["requested_by"] not in waiver["approved_by"]
        assert waiver["owner"]
        assert waiver["ticket"].startswith("https://")
        span = waiver["expires_at"] - waiver["starts_at"]
        assert isinstance(waiver["expires_at"], date)
        assert 0 < span.days <= 365
