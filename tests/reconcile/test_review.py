from __future__ import annotations

import json
from typing import Any

import pytest

from controller.model.configuration import Configuration
from controller.model.documents import ExceptionSettings, RepositorySettings
from controller.reconcile.effects import settings_effect
from controller.reconcile.plan import plan
from controller.reconcile.review import compare, held_reason, plan_body
from tests.reconcile.documents import AS_OF, check, configuration, managed, policy, waiver

AGENTS = [f"3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a1{n}" for n in range(3)]
STRONGER, SAME, WEAKER = "strengthens", "neutral", "weakens"


def cron(schedule: str) -> Any:
    return policy(schedule_type="scheduled", schedule=schedule)


def body(base: Configuration, head: Configuration) -> dict[str, Any]:
    made = compare(base, head, as_of=AS_OF)
    held = held_reason(made, base)
    return plan_body(made, base, head, base_revision="b", head_revision="h", held=held)


def effects(before: tuple[Any, ...], after: tuple[Any, ...]) -> dict[str, str]:
    operations = body(configuration(*before), configuration(*after))["operations"]
    return {each["id"]: each["effect"] for each in operations}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (policy(), policy(description="Other words"), SAME),
        (policy(), policy(enabled=False), WEAKER),
        (policy(), policy(passing_score_threshold=90), STRONGER),
        (policy(), policy(passing_score_threshold=70), WEAKER),
        (policy(), policy(check_interval_minutes=120), WEAKER),
        (policy(), policy(check_interval_minutes=30), STRONGER),
        (policy(), policy(schedule_type="manual"), WEAKER),
        (cron("0 6 * * *"), cron("0 6 1 1 *"), WEAKER),
        (cron("0 6 * * MON"), cron("0 6 * * *"), STRONGER),
        (cron("0 6 * * *"), cron("30 7 * * *"), SAME),
        (cron("0 * * * *"), cron("0 8-17 * * *"), WEAKER),
        (cron("0 6 * * *"), cron("*/5 6 1 * *"), WEAKER),
        (cron("0 6 * * *"), policy(check_interval_minutes=60), STRONGER),
        (cron("0 6 * * *"), policy(check_interval_minutes=10_080), WEAKER),
        (policy(check_interval_minutes=10_080), cron("0 6 * * *"), WEAKER),
        (cron("0 6 * * *"), policy(schedule_type="manual"), WEAKER),
        (policy(), policy(exclude_checks=["c"]), WEAKER),
        (policy(exclude_checks=["c"]), policy(), STRONGER),
        (policy(), policy(severity_overrides={"c": "low"}), WEAKER),
        (policy(), policy(severity_overrides={"c": "high"}), STRONGER),
        (policy(), policy(error_handling="exclude"), WEAKER),
        (policy(), policy(target_tags=["office"]), WEAKER),
        (policy(target_tags=["office"]), policy(target_tags=["office", "lab"]), STRONGER),
        (policy(target_tags=["office"]), policy(target_tags=["lab"]), WEAKER),
        (policy(target_os="all"), policy(), WEAKER),
        (policy(), policy(cis_level="level_2"), STRONGER),
        (policy(protect=True), policy(), WEAKER),
        (policy(), policy(passing_score_threshold=90, exclude_checks=["c"]), WEAKER),
        (check("x"), check("x", title="Other"), SAME),
        (check("x"), check("x", severity="low"), WEAKER),
        (check("x"), check("x", severity="critical"), STRONGER),
        (check("x"), check("x", cis_level="level_2"), WEAKER),
        (check("x"), check("x", platforms=["linux", "darwin"]), STRONGER),
        (check("x"), check("x", applies_when="SELECT 1"), WEAKER),
        (check("x"), check("x", query="SELECT 2 AS state"), SAME),
        (
            check("x", comparison_operator="gte", expected_result={"n": "14"}),
            check("x", comparison_operator="gte", expected_result={"n": "8"}),
            WEAKER,
        ),
        (
            check("x", comparison_operator="lte", expected_result={"n": "90"}),
            check("x", comparison_operator="lte", expected_result={"n": "60"}),
            STRONGER,
        ),
        (waiver(), waiver(owner="netops@example.com"), SAME),
        (waiver(), waiver(expires_at="2027-06-30"), WEAKER),
        (waiver(), waiver(expires_at="2026-07-31"), STRONGER),
        (waiver(starts_at="2026-06-01"), waiver(starts_at="2026-05-01"), WEAKER),
        (waiver(), waiver(check_id=None, check_ids=["c", "x"]), WEAKER),
        (waiver(), waiver(scope="tag", tag="lab"), STRONGER),
        (waiver(scope="tag", tag="lab"), waiver(), WEAKER),
        (
            waiver(scope="agent", agent_uuids=AGENTS[:2]),
            waiver(scope="agent", agent_uuids=AGENTS[:1]),
            STRONGER,
        ),
        (
            waiver(scope="agent", agent_uuids=AGENTS[:1]),
            waiver(scope="agent", agent_uuids=AGENTS[1:]),
            WEAKER,
        ),
    ],
)
def test_a_change_is_classed_by_its_effect(before: Any, after: Any, expected: str) -> None:
    surroundings = (check("c"),)
    found = effects((*surroundings, before), (*surroundings, after))
    assert found == {after.id: expected}


def test_what_comes_and_goes_is_classed_by_what_it_demands() -> None:
    lots = (policy("p"), check("c"), waiver("w"), policy("off", enabled=False))
    assert effects((), lots) == {"p": STRONGER, "c": STRONGER, "w": WEAKER, "off": SAME}
    assert effects(lots, ()) == {"p": WEAKER, "c": WEAKER, "w": STRONGER, "off": SAME}


def test_removing_an_expired_exception_changes_nothing() -> None:
    assert effects((waiver(expires_at="2026-05-01"),), ()) == {"w": SAME}


def test_a_policys_new_words_are_not_blamed_for_a_check_that_goes() -> None:
    found = effects(
        (policy(), check("a"), check("b")), (policy(description="New words"), check("a"))
    )
    assert found == {"p": SAME, "b": WEAKER}


def test_the_reviewed_digest_is_the_digest_of_the_plan_that_applies() -> None:
    base = configuration(policy(), check())
    head = configuration(policy(enabled=False), waiver())
    applying = plan(managed(base), head, source="default", as_of=AS_OF)
    assert body(base, head)["digest"] == applying.digest


def test_the_body_says_whether_the_plan_would_wait() -> None:
    many = configuration(*(policy(f"p{n}") for n in range(10)))
    assert body(many, configuration(policy("p0")))["held"] == "PruneBlocked"
    assert body(many, many)["held"] is None


def test_the_body_is_json_with_the_documented_keys() -> None:
    found = json.loads(json.dumps(body(configuration(), configuration(waiver()))))
    assert found.keys() == {
        "base", "head", "digest", "counts", "held", "operations", "settings", "settings_effect",
        "impact",
    }  # fmt: skip
    assert found["counts"] == {"add": 1, "change": 0, "move": 0, "adopt": 0, "delete": 0}
    (operation,) = found["operations"]
    assert operation["path"] == "exceptions/w.yaml"
    assert {"field": "expires_at", "from": None, "to": "2026-12-31T00:00:00Z"} in operation[
        "fields"
    ]


def test_settings_that_ask_less_of_exceptions_weaken() -> None:
    longer = RepositorySettings(exceptions=ExceptionSettings(max_days=900))
    owned = RepositorySettings(exceptions=ExceptionSettings(require_owner=True))
    assert settings_effect(RepositorySettings(), longer) == "weakens"
    assert settings_effect(RepositorySettings(), owned) == "strengthens"
    assert settings_effect(owned, owned) == "neutral"
