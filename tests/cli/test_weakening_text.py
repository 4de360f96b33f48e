"""Every way to weaken is said in words with its weight, from the answers of a real preview."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cli.review import weakening_text
from controller.cli.review.weakening_text import weakening_lines
from tests.api.server import controller
from tests.reconcile.fleets import World
from tests.reconcile.merging import preview
from tests.reconcile.test_gauges import Digits

Key = tuple[str, str]
Change = Callable[[World], object]
ACCEPTED = {"check_ids": ["check-5"], "scope": "global", "reason": "Accepted for the tests of it."}


def policy(**fields: object) -> Change:
    return lambda world: world.policies["policy-0"].update(fields)


def check(**fields: object) -> Change:
    return lambda world: world.checks["check-3"].update(fields)


def waiver(**fields: object) -> Change:
    return lambda world: world.waivers["old"].update(fields)


CHANGES: dict[Key, tuple[Change, str]] = {
    ("policy", "threshold"): (policy(passing_score_threshold=1), "compliant only through it"),
    ("policy", "checks"): (policy(exclude_checks=["check-3"]), "no longer counted"),
    ("policy", "severity"): (policy(severity_overrides={"check-3": "low"}), "the average is"),
    ("policy", "errors"): (policy(error_handling="exclude"), "errors on"),
    ("policy", "machines"): (policy(target_tags=["lab"]), "no longer judged by it"),
    ("policy", "enabled"): (policy(enabled=False), "no longer judged by it"),
    ("policy", "removed"): (lambda world: world.policies.pop("policy-0"), "no longer judged by it"),
    ("policy", "interval"): (policy(check_interval_minutes=10_000), "count as stale after"),
    ("check", "severity"): (check(severity="low"), "the average is"),
    ("check", "level"): (check(cis_level="level_2"), "on which it fails"),
    ("check", "platforms"): (check(platforms=["linux"]), "on which it fails"),
    ("check", "removed"): (lambda world: world.checks.pop("check-3"), "on which it fails"),
    ("check", "expectation"): (check(expected_result={"username": "1"}), "fails now pass"),
    ("exception", "added"): (
        lambda world: world.waivers.update(new={**ACCEPTED, "expires_at": "2026-07-01"}),
        "of them fail now, for 29.5 days",
    ),
    ("exception", "checks"): (waiver(check_ids=["check-0", "check-1"]), "; before"),
    ("exception", "reach"): (
        lambda world: world.waivers.update(
            old={k: v for k, v in world.waivers["old"].items() if k != "tag"} | {"scope": "global"}
        ),
        "; before",
    ),
    ("exception", "end"): (waiver(expires_at="2026-07-11"), "10 days, for"),
    ("exception", "start"): (waiver(starts_at="2026-05-30"), "2 days, for"),
}


@pytest.mark.parametrize("key", CHANGES, ids="-".join)
def test_a_weakening_is_told_with_its_weight(tmp_path: Path, key: Key) -> None:
    change, words = CHANGES[key]
    with controller(tmp_path) as made:
        world = Digits(made, 1, 30)
        world.waivers["old"] = {
            "check_ids": ["check-0"], "scope": "tag", "tag": "lab",
            "reason": "Accepted for the tests of it.",
            "starts_at": "2026-06-01", "expires_at": "2026-07-01",
        }  # fmt: skip
        made.apply(world.files())
        world.settle()
        change(world)
        body = preview(world)
    told = {
        (operation["kind"], each["by"]): line
        for operation in body["operations"]
        for each, line in zip(operation["weakens"], weakening_lines(operation), strict=True)
    }
    assert words in told[key]
    assert told[key].startswith(f"{weakening_text._WITHOUT_FLEET[key]}: ")


def test_every_weight_is_told_here() -> None:
    assert CHANGES.keys() == weakening_text._WEIGHTS.keys()
    assert weakening_text._WEIGHTS.keys() <= weakening_text._WITHOUT_FLEET.keys()
