from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import (
    AccessDeniedError,
    AuthenticationFailedError,
    ConflictError,
    FetchFailedError,
    RevisionNotFoundError,
    SourceRefusedError,
    StoreUnavailableError,
    TreeRefusedError,
    VerificationFailedError,
)
from controller.model.conditions import READY_REASONS, STALLED_REASONS, TRANSIENT_REASONS
from controller.model.problem import Problem
from controller.model.source import HeldPlan, SourceStatus
from controller.reconcile.ending import MAX_PROBLEMS, SETTLED, SUSPENDED, Ending, failed, invalid
from controller.reconcile.loop import asked
from controller.reconcile.summarize import (
    backoff,
    begun,
    fresh,
    settled,
    summarize,
    with_settings,
)
from tests.reconcile.documents import AS_OF

REVISION = "main@sha1:" + "a" * 40
NEXT = "main@sha1:" + "b" * 40
LATER = AS_OF + timedelta(hours=1)
NEW = fresh("default", url="u", ref="refs/heads/main", path="", as_of=AS_OF)
HELD = HeldPlan("d" * 64, NEXT, "PruneBlocked", "too much", ("policy/p",))

APPLIED = Ending("applied", "Applied", "in force")
INVALID = Ending("stalled", "InvalidConfiguration", "x.yaml:1: wrong")
DENIED = Ending("stalled", "AccessDenied", "no")
HOLD = Ending("held", "PruneBlocked", "too much", (), HELD)
FAILED = Ending("transient", "FetchFailed", "no answer")


def after(status: SourceStatus, ending: Ending, **given: Any) -> SourceStatus:
    defaults: dict[str, Any] = {"request": 0, "revision": REVISION, "as_of": LATER}
    return summarize(status, ending, **(defaults | given))


IN_FORCE = after(begun(NEW, revision=REVISION, as_of=AS_OF), APPLIED, as_of=AS_OF)


def told(status: SourceStatus) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status, each.reason) for each in status.conditions}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (NEW, {"Ready": ("Unknown", "NoRevision")}),
        (
            begun(NEW, revision=REVISION, as_of=AS_OF),
            {"Ready": ("Unknown", "Progressing"), "Reconciling": ("True", "Progressing")},
        ),
        (IN_FORCE, {"Ready": ("True", "Applied")}),
        (
            begun(IN_FORCE, revision=NEXT, as_of=LATER),
            {"Ready": ("True", "Applied"), "Reconciling": ("True", "Progressing")},
        ),
        (
            after(IN_FORCE, INVALID, revision=NEXT),
            {
                "Ready": ("False", "InvalidConfiguration"),
                "Stalled": ("True", "InvalidConfiguration"),
            },
        ),
        (
            after(IN_FORCE, HOLD, revision=NEXT),
            {"Ready": ("False", "PruneBlocked"), "Stalled": ("True", "PruneBlocked")},
        ),
        (after(IN_FORCE, FAILED, revision=None), {"Ready": ("False", "FetchFailed")}),
        (
            after(after(IN_FORCE, INVALID), FAILED),
            {"Ready": ("False", "FetchFailed"), "Stalled": ("True", "InvalidConfiguration")},
        ),
        (
            after(after(after(IN_FORCE, INVALID), FAILED), SETTLED),
            {
                "Ready": ("False", "InvalidConfiguration"),
                "Stalled": ("True", "InvalidConfiguration"),
            },
        ),
        (after(after(IN_FORCE, FAILED), SETTLED), {"Ready": ("True", "Applied")}),
        (after(after(IN_FORCE, INVALID), APPLIED), {"Ready": ("True", "Applied")}),
        (
            after(begun(IN_FORCE, revision=NEXT, as_of=LATER), SUSPENDED),
            {"Ready": ("True", "Applied")},
        ),
    ],
)
def test_an_ending_becomes_these_conditions(
    status: SourceStatus, expected: dict[str, tuple[str, str]]
) -> None:
    assert told(status) == expected


ENDINGS = st.lists(
    st.sampled_from([APPLIED, INVALID, DENIED, HOLD, FAILED, SETTLED, SUSPENDED]), max_size=6
)


@given(ENDINGS)
def test_conditions_keep_their_rules_whatever_happens(endings: list[Ending]) -> None:
    status, at = IN_FORCE, AS_OF
    for number, ending in enumerate(endings):
        at += timedelta(minutes=1)
        before, status = status, after(status, ending, as_of=at, request=number)
        conditions = {each.type: each for each in status.conditions}
        assert "Ready" in conditions
        assert all(each.status == "True" for type_, each in conditions.items() if type_ != "Ready")
        assert status.handled_request == number
        for type_, each in conditions.items():
            assert each.reason in READY_REASONS | STALLED_REASONS | TRANSIENT_REASONS
            old = before.condition(type_)
            kept = old is not None and old.status == each.status
            assert each.last_transition_time == (
                old.last_transition_time if old is not None and kept else at
            )


def test_failures_are_counted_until_something_works() -> None:
    failing = after(after(IN_FORCE, FAILED), FAILED)
    assert failing.failures == 2
    assert after(failing, SETTLED).failures == 0


def test_access_denied_says_nothing_about_the_revision_that_is_held() -> None:
    held = after(IN_FORCE, HOLD, revision=NEXT)
    denied = after(held, DENIED, revision=None)
    assert denied.held_plan == HELD
    assert not settled(denied, sha="b" * 40, request=0)


def test_a_confirmation_is_kept_for_the_held_plan_only() -> None:
    confirmed = replace(after(IN_FORCE, HOLD, revision=NEXT), confirmed_digest=HELD.digest)
    assert after(confirmed, HOLD).confirmed_digest == HELD.digest
    other = replace(HOLD, held=replace(HELD, digest="e" * 64))
    assert after(confirmed, other).confirmed_digest is None
    assert after(confirmed, INVALID).confirmed_digest is None


@pytest.mark.parametrize(
    ("status", "sha", "request_", "expected"),
    [
        (NEW, "a", 0, False),
        (IN_FORCE, "a", 0, True),
        (IN_FORCE, "b", 0, False),
        (IN_FORCE, "a", 1, True),
        (after(IN_FORCE, INVALID, revision=NEXT), "b", 1, False),
        (after(IN_FORCE, INVALID, revision=NEXT), "b", 0, True),
        (after(IN_FORCE, INVALID, revision=NEXT), "a", 0, False),
        (after(IN_FORCE, HOLD, revision=NEXT), "b", 0, True),
        (replace(after(IN_FORCE, HOLD, revision=NEXT), confirmed_digest="x"), "b", 0, False),
        (replace(IN_FORCE, generation=2), "a", 0, False),
        (begun(IN_FORCE, revision=REVISION, as_of=LATER), "a", 0, False),
        (after(IN_FORCE, FAILED, revision=None), "a", 0, True),
    ],
)
def test_a_head_is_settled_when_it_is_in_force_or_refused_for_good(
    status: SourceStatus, sha: str, request_: int, expected: bool
) -> None:
    assert settled(status, sha=sha * 40, request=request_) is expected


def test_other_settings_make_a_new_generation_once() -> None:
    changed = with_settings(IN_FORCE, url="u", ref="refs/heads/other", path="")
    assert changed.generation == 2
    assert with_settings(changed, url="u", ref="refs/heads/other", path="") == changed
    assert changed.last_applied_revision == REVISION


def test_attempts_of_one_revision_are_counted_until_one_ends() -> None:
    once = begun(IN_FORCE, revision=NEXT, as_of=LATER)
    twice = begun(once, revision=NEXT, as_of=LATER)
    assert (once.unfinished_attempts, twice.unfinished_attempts) == (1, 2)
    assert begun(twice, revision=REVISION, as_of=LATER).unfinished_attempts == 1
    assert after(twice, FAILED).unfinished_attempts == 0


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_backoff_grows_to_five_minutes_and_is_spread(failures: int, jitter: float) -> None:
    delay = backoff(failures, lambda: jitter)
    assert 1 <= delay <= 300
    assert delay <= backoff(failures + 1, lambda: jitter)
    assert backoff(20, lambda: 0.0) == 150


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (FetchFailedError("x"), "transient", "FetchFailed"),
        (RevisionNotFoundError("x"), "transient", "FetchFailed"),
        (AuthenticationFailedError("x"), "transient", "AuthenticationFailed"),
        (StoreUnavailableError("x"), "transient", "StoreUnavailable"),
        (ConflictError("x"), "transient", "StoreUnavailable"),
        (AccessDeniedError("x"), "stalled", "AccessDenied"),
        (SourceRefusedError("x"), "stalled", "AccessDenied"),
        (VerificationFailedError("x"), "stalled", "VerificationFailed"),
        (TreeRefusedError("x"), "stalled", "InvalidConfiguration"),
    ],
)
def test_every_error_says_whether_a_person_must_act(error: Any, kind: str, reason: str) -> None:
    ending = failed(error)
    assert (ending.kind, ending.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (
            "commit 0123456789ab: policies/a.yaml: is a symbolic link",
            "policies/a.yaml",
            "is a symbolic link",
        ),
        ("policies/a.yaml: has 9 bytes", "policies/a.yaml", "has 9 bytes"),
        ("commit 0123456789ab: there is no folder 'x'", ".", "there is no folder 'x'"),
    ],
)
def test_a_refused_tree_becomes_a_problem_at_its_path(text: str, path: str, message: str) -> None:
    (problem,) = failed(TreeRefusedError(text)).problems
    assert (problem.path, problem.message) == (path, message)


def test_problems_are_bounded_and_errors_are_kept_first() -> None:
    warnings = tuple(
        Problem("a.yaml", n, 1, "GW501", "", "odd", "warning") for n in range(1, MAX_PROBLEMS + 1)
    )
    errors = tuple(Problem("z.yaml", n, 1, "GW201", "", "wrong") for n in (1, 2))
    ending = invalid((*warnings, *errors))
    assert len(ending.problems) == MAX_PROBLEMS
    assert set(errors) <= set(ending.problems)
    assert "and 1 more" in ending.message


@pytest.mark.parametrize(
    ("status", "request_", "failing", "expected"),
    [
        (IN_FORCE, 0, False, False),
        (IN_FORCE, 1, False, True),
        (IN_FORCE, 1, True, True),
        (replace(IN_FORCE, confirmed_digest="x"), 0, False, True),
        (replace(IN_FORCE, confirmed_digest="x"), 0, True, False),
        (replace(IN_FORCE, suspended=True), 1, False, True),
        (replace(IN_FORCE, suspended=True, confirmed_digest="x"), 0, False, False),
        (replace(IN_FORCE, suspended=True, suspend_until=AS_OF), 0, False, True),
        (replace(IN_FORCE, suspended=True, suspend_until=LATER), 0, False, False),
    ],
)
def test_a_person_or_the_time_asks_for_a_pass(
    status: SourceStatus, request_: int, failing: bool, expected: bool
) -> None:
    assert asked(status, request_, AS_OF, failing=failing) is expected
