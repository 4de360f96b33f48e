from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.configuration import Configuration
from controller.model.documents import PruneSettings
from controller.model.plan import Plan
from controller.model.source import Commit
from controller.reconcile.guards import (
    Rewrite,
    allowed_deletions,
    declared_counts,
    empty,
    hold,
    prune_blocked,
)
from controller.reconcile.plan import plan
from tests.reconcile.documents import AS_OF, check, configuration, managed, policy, waiver

LIMITS = PruneSettings()
REWRITE = Rewrite("a" * 40, "b" * 40)


def deleting(before: Configuration, after: Configuration) -> tuple[Plan, dict[Any, int]]:
    made = plan(managed(before), after, source="default", as_of=AS_OF)
    return made, declared_counts(before)


def many(count: int) -> list[Any]:
    return [policy(f"p{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("before", "deleted", "blocked"),
    [
        (10, 5, False),  # the count
        (10, 6, True),
        (50, 10, False),  # the percentage
        (50, 11, True),
        (26, 6, False),  # 5.2 rounded up
        (26, 7, True),
    ],
)
def test_as_much_as_the_larger_limit_may_go(before: int, deleted: int, blocked: bool) -> None:
    documents = many(before)
    made, counts = deleting(configuration(*documents), configuration(*documents[deleted:]))
    assert (prune_blocked(made, counts, LIMITS) is not None) == blocked


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 100), st.integers(0, 20))
def test_the_limit_is_the_documented_formula(
    n: int, deleted: int, percent: int, count: int
) -> None:
    deleted = min(deleted, n - 1)  # leaving none is another rule
    documents = many(n)
    made, counts = deleting(configuration(*documents), configuration(*documents[deleted:]))
    limits = PruneSettings(max_percent=percent, max_count=count)
    blocked = prune_blocked(made, counts, limits) is not None
    assert blocked == (deleted > max(count, ceil(percent * n / 100)))


@pytest.mark.parametrize(("last", "word"), [(policy(), "policy"), (check(), "check")])
def test_the_last_policy_or_check_is_asked_about(last: Any, word: str) -> None:
    made, counts = deleting(configuration(last), configuration())
    assert f"leaves no {word}" in str(prune_blocked(made, counts, LIMITS))


def test_the_last_exception_may_go() -> None:
    made, counts = deleting(configuration(waiver(), policy()), configuration(policy()))
    assert prune_blocked(made, counts, LIMITS) is None


def test_replacing_the_only_policy_leaves_one() -> None:
    made, counts = deleting(configuration(policy("a")), configuration(policy("b")))
    assert prune_blocked(made, counts, LIMITS) is None


def test_expired_exceptions_never_count() -> None:
    gone = [waiver(f"w{n}", expires_at="2026-05-01") for n in range(30)]
    made, counts = deleting(configuration(*gone, policy()), configuration(policy()))
    assert prune_blocked(made, counts, LIMITS) is None


def test_every_reason_is_told_at_once() -> None:
    before = configuration(*many(9), policy("core", protect=True), check())
    made, counts = deleting(before, configuration(policy("p0")))
    told = str(prune_blocked(made, counts, LIMITS))
    assert "9 of 10 policies" in told
    assert "leaves no check" in told
    assert "policy/core" in told


def held_by(made: Plan, counts: Any, **given: Any) -> Any:
    return hold(made, revision="main@sha1:x", before=counts, limits=LIMITS, **given)


def test_a_plan_is_released_by_its_own_digest_only() -> None:
    made, counts = deleting(configuration(*many(9)), configuration(policy("p0")))
    held = held_by(made, counts)
    assert held.digest == made.digest
    assert held.reason == "PruneBlocked"
    assert "Gitward-Allow-Delete: 8" in held.message
    assert held_by(made, counts, confirmed="0" * 64) == held
    assert held_by(made, counts, confirmed=made.digest) is None


def test_a_plan_is_released_by_its_own_count_only() -> None:
    made, counts = deleting(configuration(*many(9)), configuration(policy("p0")))
    assert held_by(made, counts, allowed=frozenset({7, 9})) is not None
    assert held_by(made, counts, allowed=frozenset({8})) is None


def test_a_rewrite_is_bound_to_both_commits() -> None:
    made, counts = deleting(configuration(policy()), configuration(policy()))
    held = held_by(made, counts, rewrite=REWRITE)
    assert (held.reason, held.digest) == ("NonFastForward", REWRITE.digest)
    assert Rewrite("a" * 40, "c" * 40).digest != REWRITE.digest
    assert Rewrite("b" * 40, "a" * 40).digest != REWRITE.digest
    assert held_by(made, counts, rewrite=REWRITE, confirmed=REWRITE.digest) is None


def test_confirming_a_rewrite_does_not_confirm_what_it_deletes_nor_the_reverse() -> None:
    made, counts = deleting(configuration(*many(9)), configuration(policy("p0")))
    held = held_by(made, counts, rewrite=REWRITE)
    assert held.digest not in {REWRITE.digest, made.digest}
    for wrong in (REWRITE.digest, made.digest):
        assert held_by(made, counts, rewrite=REWRITE, confirmed=wrong) == held
    assert held_by(made, counts, rewrite=REWRITE, confirmed=held.digest) is None


def test_a_trailer_does_not_release_a_rewrite() -> None:
    made, counts = deleting(configuration(*many(9)), configuration(policy("p0")))
    held = held_by(made, counts, rewrite=REWRITE, allowed=frozenset({8}))
    assert held.digest == REWRITE.digest


def test_nothing_declared_is_invalid_only_when_nothing_was_before() -> None:
    nothing, something = declared_counts(configuration()), declared_counts(configuration(policy()))
    assert empty(configuration(), nothing) is not None
    assert empty(configuration(), something) is None
    assert empty(configuration(policy()), nothing) is None


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("Gitward-Allow-Delete", "8", {8}),
        ("GITWARD-ALLOW-DELETE", "8", {8}),
        ("Gitward-Allow-Delete", "-8", set()),
        ("Gitward-Allow-Delete", "8.0", set()),
        ("Gitward-Allow-Delete", "٨", set()),
        ("Gitward-Allow-Delete", "", set()),
        ("Signed-off-by", "8", set()),
    ],
)
def test_only_a_plain_number_in_our_trailer_allows(key: str, value: str, allowed: set[int]) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    commit = Commit("a" * 40, "Ada", "ada@example.com", "Drop", at, ((key, value),))
    assert allowed_deletions([commit]) == allowed
