from __future__ import annotations

import pytest

from controller.errors import ConflictError, NotFoundError
from controller.model.source import HeldPlan
from controller.reconcile import operations
from tests.reconcile.repository import base, catalog, exception, policy
from tests.reconcile.rig import Rig

MANY: dict[str, str | None] = {f"policies/p{n:02}.yaml": policy(f"P{n}") for n in range(12)}
GONE: dict[str, str | None] = dict.fromkeys(list(MANY)[:8])


@pytest.fixture
def filled(rig: Rig) -> Rig:
    rig.commit(base() | MANY)
    assert rig.reconcile().kind == "applied"
    return rig


def held(rig: Rig) -> HeldPlan:
    plan = rig.status.held_plan
    assert plan is not None
    return plan


def test_a_mass_deletion_is_held_and_applied_once_confirmed(filled: Rig) -> None:
    filled.commit(GONE)
    ending = filled.reconcile()
    assert (ending.kind, ending.reason) == ("held", "PruneBlocked")
    assert len(filled.ids("policy")) == 13
    plan = held(filled)
    assert len(plan.deletes) == 8
    assert plan.digest in plan.message
    assert filled.reconcile().kind == "settled"
    with filled.store.read() as reading:
        recorded = reading.revisions(1, 1).items[0]
    assert (recorded.result, recorded.plan_digest) == ("held", plan.digest)

    operations.confirm(filled.store, None, plan.digest, "ada", filled.clock())
    assert filled.reconcile().kind == "applied"
    assert len(filled.ids("policy")) == 5
    status = filled.status
    assert status.held_plan is None
    assert status.confirmed_digest is None
    assert status.condition("Stalled") is None
    with filled.store.read() as reading:
        assert reading.revisions(1, 1).items[0].plan_digest == plan.digest
        assert any(entry.action == "confirm" for entry in reading.audit(1, 20).items)


def test_another_digest_than_the_held_one_is_a_conflict(filled: Rig) -> None:
    with pytest.raises(NotFoundError, match="no plan is held"):
        operations.confirm(filled.store, None, "0" * 64, "ada", filled.clock())
    filled.commit(GONE)
    filled.reconcile()
    with pytest.raises(ConflictError, match=held(filled).digest):
        operations.confirm(filled.store, None, "0" * 64, "ada", filled.clock())


def test_a_confirmation_does_not_carry_over_to_another_plan(filled: Rig) -> None:
    filled.commit(GONE)
    filled.reconcile()
    operations.confirm(filled.store, None, held(filled).digest, "ada", filled.clock())
    filled.commit({"policies/p11.yaml": None})
    assert filled.reconcile().kind == "held"
    assert filled.status.confirmed_digest is None
    assert len(held(filled).deletes) == 9
    assert len(filled.ids("policy")) == 13


@pytest.mark.parametrize(
    ("trailer", "kind"),
    [
        ("Gitward-Allow-Delete: 8", "applied"),
        ("gitward-allow-delete: 8", "applied"),
        ("Gitward-Allow-Delete: 7", "held"),
        ("Gitward-Allow-Delete: 80", "held"),
        ("Gitward-Allow-Delete: all", "held"),
    ],
)
def test_a_trailer_allows_exactly_the_number_it_names(filled: Rig, trailer: str, kind: str) -> None:
    filled.commit(GONE, f"Drop old policies\n\n{trailer}\n")
    assert filled.reconcile().kind == kind


def test_a_trailer_inside_a_merged_branch_counts(filled: Rig) -> None:
    filled.repository.git("checkout", "--quiet", "-b", "drop")
    filled.commit(GONE, "Drop\n\nGitward-Allow-Delete: 8\n")
    filled.repository.git("checkout", "--quiet", "main")
    filled.repository.git("merge", "--quiet", "--no-ff", "-m", "Merge branch 'drop'", "drop")
    assert filled.reconcile().kind == "applied"


def test_an_earlier_trailer_allows_nothing_later(filled: Rig) -> None:
    filled.commit({"README.md": "x"}, "Prepare\n\nGitward-Allow-Delete: 8\n")
    filled.reconcile()
    filled.commit(GONE)
    assert filled.reconcile().kind == "held"


def test_a_commit_cannot_lift_the_guard_that_judges_it(filled: Rig) -> None:
    filled.commit(GONE | {"gitward.yaml": "prune: {max_percent: 100, max_count: 1000}\n"})
    assert filled.reconcile().reason == "PruneBlocked"


def test_settings_in_force_decide_what_is_much(filled: Rig) -> None:
    filled.commit({"gitward.yaml": "prune: {max_percent: 100, max_count: 1000}\n"})
    filled.reconcile()
    filled.commit(GONE)
    assert filled.reconcile().kind == "applied"


def test_a_protected_policy_is_always_asked_about(rig: Rig) -> None:
    rig.commit(base() | {"policies/core.yaml": policy("Core", protect=True)})
    rig.reconcile()
    rig.commit({"policies/core.yaml": None})
    ending = rig.reconcile()
    assert ending.reason == "PruneBlocked"
    assert "policy/core" in ending.message


def test_an_emptied_repository_is_held_like_any_other_deletion(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.commit(dict.fromkeys(base()))
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("held", "PruneBlocked")
    assert "leaves no policy" in ending.message
    assert rig.ids("check") == {"one", "two", "three"}


def test_expired_exceptions_are_swept_without_asking(rig: Rig) -> None:
    rig.commit(
        base()
        | {"checks/base.yaml": catalog(*(f"c{n}" for n in range(20)), "one", "two", "three")}
        | {f"exceptions/e{n}.yaml": exception(f"c{n}", "2026-06-02") for n in range(20)}
    )
    assert rig.reconcile().kind == "applied"
    rig.clock.forward(days=3)
    rig.commit({f"exceptions/e{n}.yaml": None for n in range(20)})
    assert rig.reconcile().kind == "applied"


def rewritten(rig: Rig) -> str:
    """Main goes back to its first commit and on from there; the commit that was in force."""
    old = rig.repository.head
    rig.repository.git("reset", "--quiet", "--hard", "HEAD~1")
    rig.commit({"policies/laptops.yaml": policy("Rewritten")})
    return old


def test_a_rewritten_ref_is_held_until_confirmed(rig: Rig) -> None:
    rig.commit(base())
    rig.commit({"policies/laptops.yaml": policy("Second")})
    rig.reconcile()
    old = rewritten(rig)
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("held", "NonFastForward")
    assert old[:7] in ending.message
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Second"
    operations.confirm(rig.store, "default", held(rig).digest, "ada", rig.clock())
    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Rewritten"


def test_going_back_to_an_older_commit_is_a_rewrite_too(rig: Rig) -> None:
    rig.commit(base())
    rig.commit({"policies/laptops.yaml": policy("Second")})
    rig.reconcile()
    second = rig.repository.head
    rig.repository.git("reset", "--quiet", "--hard", "HEAD~1")
    assert rig.reconcile().reason == "NonFastForward"
    rig.repository.git("reset", "--quiet", "--hard", second)
    assert rig.reconcile().kind == "applied"
    assert rig.status.condition("Stalled") is None


def test_a_rewrite_that_deletes_much_takes_one_confirmation_for_both(filled: Rig) -> None:
    filled.commit({"README.md": "second"})
    filled.reconcile()
    filled.repository.git("reset", "--quiet", "--hard", "HEAD~1")
    filled.commit(GONE)
    ending = filled.reconcile()
    assert ending.reason == "NonFastForward"
    assert "8 of 13 policies" in ending.message
    operations.confirm(filled.store, None, held(filled).digest, "ada", filled.clock())
    assert filled.reconcile().kind == "applied"


def test_another_ref_by_the_operators_own_word_is_no_rewrite(rig: Rig) -> None:
    rig.commit(base())
    rig.repository.git("branch", "stable")
    rig.commit({"policies/laptops.yaml": policy("Second")})
    rig.reconcile()
    rig.connect(ref="stable")
    assert rig.reconcile().kind == "applied"
    assert rig.status.generation == rig.status.observed_generation == 2


def test_a_confirmation_during_a_pass_is_not_lost(filled: Rig) -> None:
    filled.commit(GONE)
    filled.reconcile()
    digest = held(filled).digest
    original = filled.source.head

    def confirmed_meanwhile() -> str:
        operations.confirm(filled.store, None, digest, "ada", filled.clock())
        return str(original())

    operations.request(filled.store, None, "bob", filled.clock())
    filled.source.head = confirmed_meanwhile  # type: ignore[attr-defined]
    assert filled.reconcile().kind == "held"
    filled.source.head = original  # type: ignore[attr-defined]
    assert filled.status.confirmed_digest == digest
    assert filled.reconcile().kind == "applied"


def test_a_suspension_during_a_pass_stops_it_before_anything_is_applied(rig: Rig) -> None:
    rig.commit(base())
    original = rig.source.last_change

    def suspended_meanwhile(*arguments: object) -> object:
        operations.suspend(rig.store, None, "Incident", None, "ada", rig.clock())
        return original(*arguments)

    rig.source.last_change = suspended_meanwhile  # type: ignore[attr-defined]
    assert rig.reconcile().kind == "suspended"
    assert rig.ids("policy") == set()
