"""Configuration in the store: plans from git, writes through the API, and who wins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.errors import ConflictError, GitManagedError, GitOnlyError, NotFoundError
from controller.model.configuration import Place, kind_of
from controller.model.documents import AnyDocument, RepositorySettings
from controller.model.plan import Op, Operation, Plan
from controller.model.source import Commit, RevisionRecord
from controller.model.terms import KINDS
from controller.store.port.store import Store
from controller.store.store import SqlStore
from tests.builders import (
    NOW,
    add_key,
    enroll,
    make_check,
    make_policy,
    make_report,
    make_waiver,
    submit,
)

SHA = "1a2b3c4" + "0" * 33
COMMIT = Commit(SHA, "Ann", "ann@example.com", "Say what changes", NOW)


def operation(op: Op, document: AnyDocument, line: int = 1) -> Operation:
    path = f"{kind_of(document)}/{document.id}.yaml"
    kept = None if op == "delete" else document
    return Operation(op, kind_of(document), document.id, Place(path, line), kept)


def apply(
    store: Store, *operations: Operation, settings: RepositorySettings | None = None, at: Any = NOW
) -> None:
    record = RevisionRecord("default", f"main@sha1:{SHA}", SHA, "Ann", "Say", NOW, at, "applied")
    with store.write() as tx:
        tx.apply_plan(
            "default",
            Plan(operations, "digest"),
            settings or RepositorySettings(),
            record,
            {each.place.path: COMMIT for each in operations},
            at,
        )
    settle(store, at)


def settle(store: Store, at: Any = NOW) -> None:
    """Let a fleet-wide change come to its end."""
    more = True
    while more:
        with store.write() as tx:
            more = tx.continue_rescoring(at)


def declare(
    store: Store, *documents: AnyDocument, settings: RepositorySettings | None = None
) -> None:
    apply(store, *(operation("add", each) for each in documents), settings=settings)


def test_what_git_declares_is_in_force_with_its_place_and_commit(store: Store) -> None:
    declare(store, make_policy(), make_check())

    with store.read() as reading:
        found = reading.in_force()

    policy = found.policies["policy-1"]
    assert policy.managed_by == "git"
    assert str(policy.origin) == "policy/policy-1.yaml:1 at 1a2b3c4"
    assert found.revision == f"main@sha1:{SHA}"


def test_who_wrote_an_object_and_who_reads_it_anew_see_the_same(store: SqlStore) -> None:
    documents: list[AnyDocument] = [
        make_policy(),
        make_policy("policy-2", passing_score_threshold=70, severity_overrides={"check-1": "low"}),
        make_policy("policy-3", passing_score_threshold=99.5, target_tags=["b", "a"]),
        make_check(expected_result={"b": "2", "a": "1"}, comparison_operator="equals"),
        make_check("check-2", remediation={"steps": ["one", "two"]}, frameworks={"x": ["1"]}),
        make_waiver(starts_at="2026-01-01", expires_at="2031-01-01T12:30:00.5+02:00"),
    ]
    declare(store, *documents)
    with store.write() as tx:
        tx.put_object("policy", make_policy("own"), actor="ann", as_of=NOW, create=True)
    settle(store)
    anew = SqlStore(store._driver)

    with store.read() as reading, anew.read() as again:
        here, there = reading.in_force(), again.in_force()

    for kind in KINDS:
        assert repr(here.of_kind(kind)) == repr(dict(sorted(there.of_kind(kind).items())))
    assert here.versions == there.versions
    assert here.rulebook.positions == there.rulebook.positions


def test_a_put_that_changes_what_git_declares_is_refused_and_changes_nothing(store: Store) -> None:
    declare(store, make_policy(), make_check())
    wanted = make_policy(passing_score_threshold=10.0)

    with pytest.raises(GitManagedError) as refused, store.write() as tx:
        tx.put_object("policy", wanted, actor="ann", as_of=NOW, create=False)

    assert str(refused.value) == (
        "policy 'policy-1' is managed by git: policy/policy-1.yaml:1 at 1a2b3c4; change it there"
    )
    assert refused.value.detail["conflicts"] == [
        {"field": "passing_score_threshold", "git_value": 80.0, "requested_value": 10.0}
    ]
    with store.read() as reading:
        assert reading.in_force().policies["policy-1"].document == make_policy()


def test_a_put_with_the_values_git_has_is_fine_and_changes_nothing(store: Store) -> None:
    declare(store, make_policy(), make_check())

    with store.write() as tx:
        assert tx.put_object("policy", make_policy(), actor="a", as_of=NOW, create=False) is False


@pytest.mark.parametrize(
    "document",
    [make_policy(), make_policy("another", name="Name of policy-1")],
    ids=["its id", "its name"],
)
def test_a_post_of_what_git_declares_is_refused(store: Store, document: Any) -> None:
    declare(store, make_policy(), make_check())

    with pytest.raises(GitManagedError), store.write() as tx:
        tx.put_object("policy", document, actor="ann", as_of=NOW, create=True)


def test_a_delete_of_what_git_declares_is_refused(store: Store) -> None:
    declare(store, make_policy(), make_check())

    with pytest.raises(GitManagedError), store.write() as tx:
        tx.delete_object("policy", "policy-1", actor="ann", as_of=NOW)

    with store.read() as reading:
        assert "policy-1" in reading.in_force().policies


def test_an_api_exception_on_a_check_that_a_git_policy_selects_is_refused(store: Store) -> None:
    declare(store, make_policy(), make_check())

    with pytest.raises(GitManagedError) as refused, store.write() as tx:
        tx.put_object("exception", make_waiver(), actor="ann", as_of=NOW, create=True)

    assert refused.value.detail["policies"] == ["policy-1"]


def test_the_repository_may_allow_api_exceptions(store: Store) -> None:
    settings = RepositorySettings(api_exceptions="allow")
    declare(store, make_policy(), make_check(), settings=settings)

    with store.write() as tx:
        assert tx.put_object("exception", make_waiver(), actor="ann", as_of=NOW, create=True)


def test_the_repository_may_forbid_every_api_write(store: Store) -> None:
    declare(store, make_check(), settings=RepositorySettings(api_writes="deny"))

    with store.write() as tx:
        with pytest.raises(GitOnlyError):
            tx.put_object("policy", make_policy("mine"), actor="a", as_of=NOW, create=True)
        with pytest.raises(GitOnlyError):
            tx.seed_checks([make_check("other")], actor="a", as_of=NOW)


def test_seeding_is_idempotent_and_leaves_git_declared_ids_alone(store: Store) -> None:
    declare(store, make_check("git"))
    shipped = [make_check("git", title="Shipped"), make_check("one"), make_check("two")]

    with store.write() as tx:
        first = tx.seed_checks(shipped, actor="ann", as_of=NOW)
        second = tx.seed_checks(shipped, actor="ann", as_of=NOW)

    assert first == (2, 0, 0, ("git",))
    assert second == (0, 0, 2, ("git",))
    with store.read() as reading:
        assert reading.in_force().checks["git"].document.title == "Title of git"


def test_git_takes_over_an_api_made_object_and_the_trail_keeps_what_was(store: Store) -> None:
    with store.write() as tx:
        mine = make_policy(description="made by hand")
        tx.put_object("policy", mine, actor="ann", as_of=NOW, create=True)

    apply(store, operation("adopt", make_policy()), operation("add", make_check()))

    with store.read() as reading:
        assert reading.in_force().policies["policy-1"].managed_by == "git"
        kept = next(each for each in reading.audit(1, 50).items if each.action == "superseded")
    assert "made by hand" in kept.detail["document"]


def test_a_name_that_git_declares_cannot_be_squatted_on(store: Store) -> None:
    with store.write() as tx:
        mine = make_policy("mine", name="Name of policy-1")
        tx.put_object("policy", mine, actor="ann", as_of=NOW, create=True)

    declare(store, make_policy(), make_check())

    with store.read() as reading:
        assert reading.in_force().policies["mine"].document.name == "Name of policy-1 (API)"


def test_a_plan_made_against_what_is_no_longer_stored_is_refused_whole(store: Store) -> None:
    declare(store, make_policy(), make_check())

    with pytest.raises(ConflictError):
        apply(store, operation("add", make_check("new")), operation("add", make_policy()))

    with store.read() as reading:
        assert "new" not in reading.in_force().checks


def test_a_deleted_object_leaves_a_tombstone_and_resumes_when_it_comes_back(store: Store) -> None:
    later = NOW + timedelta(days=2)
    declare(store, make_policy(), make_check(), make_waiver())
    apply(store, operation("delete", make_waiver()), at=later)

    with store.read() as reading:
        assert reading.tombstone("exception", "waiver-1") == later
        assert "waiver-1" not in reading.in_force().waivers

    apply(store, operation("add", make_waiver()), at=later + timedelta(days=1))

    with store.read() as reading:
        assert reading.tombstone("exception", "waiver-1") is None
        assert reading.first_applied()["waiver-1"] == NOW


def test_replacing_what_is_not_there_says_so(store: Store) -> None:
    with pytest.raises(NotFoundError, match="there is no policy 'nobody'"), store.write() as tx:
        tx.put_object("policy", make_policy("nobody"), actor="a", as_of=NOW, create=False)


def test_a_rolled_back_transaction_leaves_no_trace_in_later_readings(store: Store) -> None:
    declare(store, make_policy(), make_check())
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.put_object("policy", make_policy("ghost"), actor="a", as_of=NOW, create=True)
        assert "ghost" in tx.in_force().policies
        raise ZeroDivisionError

    with store.write() as tx:
        tx.put_object("policy", make_policy("real"), actor="a", as_of=NOW, create=True)
    with store.read() as reading:
        assert set(reading.in_force().policies) == {"policy-1", "real"}


# -- what a change of configuration does to facts


def assessed(store: Store, check: Any, rows: Any, status: str = "failed") -> Any:
    """A machine that reported one check under a git policy."""
    from controller.model.report import Result

    declare(store, make_policy(), check)
    with store.write() as tx:
        add_key(tx)
        machine = enroll(tx, "token")
        result = Result(check.id, status, rows=rows)  # type: ignore[arg-type]
        submit(tx, machine, "token", make_report([result]))
    return machine


def outcome(store: Store, machine: Any, check_id: str = "check-1") -> str:
    with store.read() as reading:
        state = reading.machine_state(machine.uuid, NOW)
        assert state is not None
        return state.posture.outcome(reading.in_force().rulebook.positions[check_id])


LENGTH = {
    "query": "SELECT minimum_password_length FROM security_profile_info",
    "comparison_operator": "gte",
}


def test_a_changed_expectation_is_judged_again_from_the_evidence(store: Store) -> None:
    before = make_check(**LENGTH, expected_result={"minimum_password_length": "14"})
    after = make_check(**LENGTH, expected_result={"minimum_password_length": "10"})
    machine = assessed(store, before, ({"minimum_password_length": "12"},))
    assert outcome(store, machine) == "failed"

    apply(store, operation("change", after))

    assert outcome(store, machine) == "passed"


def test_a_changed_query_is_pending_until_the_machine_reports(store: Store) -> None:
    machine = assessed(store, make_check(), ({"id": "x"},))

    apply(store, operation("change", make_check(query="SELECT 2 AS other")))

    assert outcome(store, machine) == "pending"


def test_a_changed_text_or_severity_keeps_the_outcome(store: Store) -> None:
    machine = assessed(store, make_check(), ())
    assert outcome(store, machine) == "failed"

    apply(store, operation("change", make_check(title="Better said", severity="critical")))

    assert outcome(store, machine) == "failed"
    with store.read() as reading:
        assert reading.fleet_totals(NOW).overall.risk["critical"] == 1


def test_an_outcome_without_rows_cannot_be_judged_again(store: Store) -> None:
    before = make_check(**LENGTH, expected_result={"minimum_password_length": "14"})
    after = make_check(**LENGTH, expected_result={"minimum_password_length": "10"})
    machine = assessed(store, before, None)

    apply(store, operation("change", after))

    assert outcome(store, machine) == "pending"


def test_a_commit_moves_scores_at_once_and_history_names_it(store: Store) -> None:
    machine = assessed(store, make_check(), ())
    later = NOW + timedelta(minutes=5)

    apply(store, operation("add", make_waiver()), at=later)

    with store.read() as reading:
        history = reading.score_history(machine.uuid, NOW, None)
    assert [(each.cause.kind, each.hundredths) for each in history] == [
        ("enrollment", None),
        ("report", 0),
        ("commit", None),
    ]
    assert history[-1].cause.ref == f"main@sha1:{SHA}"
