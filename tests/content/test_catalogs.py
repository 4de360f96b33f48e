"""What the shipped catalogs promise beyond being valid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from controller.model.terms import KNOWN_CATEGORIES, PLATFORMS, SEVERITIES
from tests.content.documents import FOLDERS, PREFIXES, catalogs, checks

every_platform = pytest.mark.parametrize("platform", PLATFORMS)

WORDS_THAT_SLIMRMM_REFUSES = re.compile(
    r"\b(drop|delete|insert|update|create|alter|truncate|exec|attach|detach|load_extension)\b", re.I
)
TABLES_THAT_SLIMRMM_REFUSES = re.compile(
    r"\b(?:FROM|JOIN) (shadow|curl|curl_certificate|carves|yara|augeas)\b"
)
FRAMEWORKS = {"nist-800-53", "nist-800-171", "iso-27001", "soc-2", "hipaa"}


@every_platform
def test_each_platform_has_at_least_32_checks(platform):
    assert len(checks(platform)) >= 32


@every_platform
def test_each_platform_has_several_checks_of_every_category(platform):
    found = Counter(check["category"] for check in checks(platform))
    assert set(found) == set(KNOWN_CATEGORIES)
    assert min(found.values()) >= 3


@every_platform
def test_each_platform_has_checks_of_both_levels_and_all_severities(platform):
    found = checks(platform)
    assert {check["cis_level"] for check in found} == {"level_1", "level_2"}
    assert {check["severity"] for check in found} == set(SEVERITIES)


@every_platform
def test_critical_stays_rare_enough_to_mean_something(platform):
    severities = Counter(check["severity"] for check in checks(platform))
    assert severities["critical"] * 10 <= severities.total()


def test_a_catalog_holds_one_category_of_one_platform_and_is_named_after_both():
    for path, catalog in catalogs().items():
        folder, category = path.parts[1], path.stem
        assert catalog["catalog"] == f"{folder}-{category}"
        for check in catalog["checks"]:
            assert check["category"] == category.replace("-", "_"), check["id"]
            assert check["platforms"] == [FOLDERS[folder]], check["id"]


def test_an_id_begins_with_its_platform():
    assert offenders(lambda c: c["id"].startswith(PREFIXES[c["platforms"][0]])) == []


def test_no_two_checks_share_an_id():
    assert twice(check["id"] for check in checks()) == []


def test_no_two_titles_are_alike_to_a_reader():
    assert twice(re.sub(r"\W+", " ", check["title"]).lower() for check in checks()) == []


@every_platform
def test_no_two_checks_of_a_platform_claim_one_cis_id(platform):
    assert twice(check["cis_id"] for check in checks(platform) if "cis_id" in check) == []


def test_a_title_fits_on_one_line_of_a_report():
    assert offenders(lambda c: len(c["title"]) <= 80) == []


def test_a_title_states_what_is_so_when_all_is_well():
    order = re.compile(r"(ensure|check|verify|make sure)\b|.*[.?]$", re.I)
    assert offenders(lambda c: not order.match(c["title"])) == []


def test_a_check_says_what_it_looks_at():
    assert offenders(lambda c: len(c["description"]) >= 30) == []


def test_a_check_says_what_goes_wrong_while_it_fails():
    assert offenders(lambda c: c["impact"].endswith(".")) == []


def test_a_check_says_how_to_mend_it():
    assert offenders(lambda c: any(step.strip() for step in c["remediation"]["steps"])) == []


def test_a_check_that_may_not_apply_says_so_to_the_reader():
    silent = [
        check["id"]
        for catalog in catalogs().values()
        for check in catalog["checks"]
        if "applies_when" in check
        and "not_applicable" not in check["description"] + catalog["description"]
        and not on_every_installed_system(check["applies_when"])
    ]
    assert silent == []


def test_every_check_is_a_query_for_osquery():
    assert offenders(lambda c: c["check_type"] == "osquery") == []


def test_no_query_contains_a_word_that_slimrmm_refuses_wherever_it_stands():
    assert offenders(lambda c: not WORDS_THAT_SLIMRMM_REFUSES.search(c["query"])) == []


def test_every_query_begins_and_ends_within_what_slimrmm_takes():
    fits = re.compile(r"SELECT \S")
    assert offenders(lambda c: fits.match(c["query"]) and len(c["query"].encode()) <= 4096) == []


@every_platform
def test_at_least_32_checks_of_a_platform_run_on_slimrmms_agent(platform):
    free = [c for c in checks(platform) if not TABLES_THAT_SLIMRMM_REFUSES.search(c["query"])]
    assert len(free) >= 32


def test_expected_values_are_strings():
    assert (
        offenders(lambda c: all(isinstance(v, str) for v in c.get("expected_result", {}).values()))
        == []
    )


def test_a_check_belongs_to_at_least_one_control_of_a_known_framework():
    assert offenders(lambda c: c["frameworks"] and set(c["frameworks"]) <= FRAMEWORKS) == []
    assert offenders(lambda c: all(c["frameworks"].values())) == []


def test_a_reference_is_a_secure_link():
    assert offenders(lambda c: all(r.startswith("https://") for r in c.get("references", []))) == []


def offenders(holds: Callable[[dict[str, Any]], object]) -> list[str]:
    return [check["id"] for check in checks() if not holds(check)]


def twice(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def on_every_installed_system(applies_when: str) -> bool:
    """Whether the guard only saves the query from a tree that is no whole system."""
    everywhere = ("system_controls", "/etc/pam.d'", "/etc/login.defs", "/etc/default/useradd")
    return any(word in applies_when for word in everywhere)
