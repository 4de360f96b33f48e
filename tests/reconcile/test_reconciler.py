from __future__ import annotations

import re

import pytest

from controller.errors import GitManagedError
from controller.reconcile import operations
from tests.reconcile.repository import base, catalog, exception, policy
from tests.reconcile.rig import Rig


def test_a_good_commit_is_put_in_force_with_its_places_and_its_history(rig: Rig) -> None:
    sha = rig.commit(base(), "Start")
    assert rig.reconcile().kind == "applied"
    status = rig.status
    assert status.last_applied_revision == status.observed_revision == f"main@sha1:{sha}"
    assert status.observed_generation == status.generation == 1
    ready = status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("True", "Applied")
    assert [condition.type for condition in status.conditions] == ["Ready"]
    with rig.store.read() as reading:
        in_force = reading.in_force()
        record = reading.revision(sha)
    origin = in_force.checks["two"].origin
    assert origin is not None
    assert (origin.path, origin.commit) == ("checks/base.yaml", sha)
    assert in_force.policies["laptops"].manager == "git:default"
    assert record is not None
    assert (record.author, record.subject, record.result) == ("Ada", "Start", "applied")
    assert record.counts["add"] == 5


def test_a_broken_file_is_named_with_its_line_and_the_last_good_revision_stays(rig: Rig) -> None:
    good = rig.commit(base())
    rig.reconcile()
    bad = rig.commit({"policies/laptops.yaml": "name: X\ncis_level: level_9\ntarget_os: linux\n"})
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("stalled", "InvalidConfiguration")
    status = rig.status
    assert status.last_applied_revision == f"main@sha1:{good}"
    assert status.last_attempted_revision == f"main@sha1:{bad}"
    assert [(p.path, p.line) for p in status.problems] == [("policies/laptops.yaml", 2)]
    stalled = status.condition("Stalled")
    assert stalled is not None
    assert stalled.reason == "InvalidConfiguration"
    assert "policies/laptops.yaml:2" in stalled.message
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Laptops"
    assert rig.results() == [("applied", ""), ("rejected", "InvalidConfiguration")]


def test_a_bad_commit_is_read_once_and_its_fix_applies_directly(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.commit({"policies/laptops.yaml": "name: [\n"})
    rig.reconcile()
    rig.source.calls.clear()
    for _ in range(3):
        assert rig.reconcile().kind == "settled"
    assert set(rig.source.calls) == {"head"}
    stalled = rig.status.condition("Stalled")
    rig.commit({"policies/laptops.yaml": policy("Portable")})
    assert rig.reconcile().kind == "applied"
    assert rig.status.problems == ()
    assert stalled is not None
    assert rig.status.condition("Stalled") is None
    assert rig.results()[-2:] == [("rejected", "InvalidConfiguration"), ("applied", "")]


def test_an_unchanged_head_reads_nothing_and_writes_almost_nothing(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.source.calls.clear()
    rig.source.blobs = 0
    with rig.store.read() as reading:
        before = reading.change()
    rig.clock.forward(seconds=1)
    rig.reconciler.run()
    assert rig.reconciler.run().ending.kind == "settled"
    assert set(rig.source.calls) == {"head"}
    assert rig.source.blobs == 0
    with rig.store.read() as reading:
        assert reading.change() == before


def test_a_request_on_what_is_in_force_is_handled_without_reading_it_again(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.source.calls.clear()
    number = operations.request(rig.store, None, "ada", rig.clock())
    assert rig.reconcile().kind == "settled"
    assert set(rig.source.calls) == {"head"}
    assert rig.status.handled_request == number
    assert rig.results() == [("applied", "")]


def test_a_request_tries_a_refused_revision_once_more_and_records_it_once(rig: Rig) -> None:
    rig.commit({"policies/laptops.yaml": "name: [\n"})
    rig.reconcile()
    operations.request(rig.store, None, "ada", rig.clock())
    assert rig.reconcile().kind == "stalled"
    assert rig.reconcile().kind == "settled"
    assert rig.results() == [("rejected", "InvalidConfiguration")]


def test_only_changed_files_are_read(rig: Rig) -> None:
    rig.commit(base() | {f"policies/p{n}.yaml": policy(f"P{n}") for n in range(20)})
    rig.reconcile()
    rig.source.blobs = 0
    rig.commit({"policies/p7.yaml": policy("Seven")})
    assert rig.reconcile().kind == "applied"
    assert rig.source.blobs == 1


def test_a_moved_file_with_the_same_id_is_a_move(rig: Rig) -> None:
    rig.commit(base() | {"policies/laptops.yaml": policy(id="laptops")})
    rig.reconcile()
    rig.commit({"policies/laptops.yaml": None, "policies/eu/portable.yaml": policy(id="laptops")})
    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        record = reading.revisions(1, 1).items[0]
        origin = reading.in_force().policies["laptops"].origin
    assert {op for op, count in record.counts.items() if count} == {"move"}
    assert origin is not None
    assert origin.path == "policies/eu/portable.yaml"


def test_a_line_that_moves_without_a_change_is_no_operation_and_origins_follow(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.read() as reading:
        before = reading.in_force().checks["two"].origin
    rig.commit({"checks/base.yaml": "# A remark.\n" + catalog("one", "two", "three")})
    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        after = reading.in_force().checks["two"].origin
        record = reading.revisions(1, 1).items[0]
    assert before is not None
    assert after is not None
    assert after.line == before.line + 1
    assert not any(record.counts.values())


def test_an_object_made_through_the_api_is_adopted_with_an_audit_trail(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.read() as reading:
        document = reading.in_force().policies["laptops"].document
    mine = document.model_copy(update={"id": "servers", "name": "Servers by hand"})
    with rig.store.write() as writing:
        writing.put_object("policy", mine, actor="bob", as_of=rig.clock(), create=True)
    rig.commit({"policies/servers.yaml": policy("Servers")})
    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        managed = reading.in_force().policies["servers"]
        record = reading.revisions(1, 1).items[0]
        events = reading.events(1, 50).items
    assert (managed.managed_by, managed.document.name) == ("git", "Servers")
    assert record.counts["adopt"] == 1
    assert any(event.reason == "Adopted" and event.object == "policy/servers" for event in events)


def test_an_api_write_between_plan_and_apply_is_planned_again_never_overwritten(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.read() as reading:
        document = reading.in_force().policies["laptops"].document
    mine = document.model_copy(update={"id": "servers", "name": "Servers by hand"})
    sha = rig.commit({"policies/servers.yaml": policy("Servers"), "exceptions/old-app.yaml": None})
    original = rig.source.last_change

    def written_meanwhile(*arguments: object, **more: object) -> object:
        rig.source.last_change = original  # type: ignore[attr-defined]
        with rig.store.write() as writing:
            writing.put_object("policy", mine, actor="bob", as_of=rig.clock(), create=True)
        return original(*arguments, **more)

    rig.source.last_change = written_meanwhile  # type: ignore[attr-defined]
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("transient", "StoreUnavailable")
    assert "servers" in ending.message
    assert rig.ids("exception") == {"old-app"}
    assert rig.status.last_applied_revision != f"main@sha1:{sha}"

    assert rig.reconcile().kind == "applied"
    with rig.store.read() as reading:
        assert reading.revisions(1, 1).items[0].counts["adopt"] == 1
    assert rig.ids("exception") == set()


def test_a_write_to_what_git_declares_is_refused_with_the_place_that_declares_it(rig: Rig) -> None:
    sha = rig.commit(base())
    rig.reconcile()
    with rig.store.read() as reading:
        document = reading.in_force().policies["laptops"].document
    changed = document.model_copy(update={"enabled": False})
    with pytest.raises(GitManagedError) as refused, rig.store.write() as writing:
        writing.put_object("policy", changed, actor="bob", as_of=rig.clock(), create=False)
    assert f"policies/laptops.yaml:1 at {sha[:7]}" in str(refused.value)


def test_a_request_during_a_pass_makes_it_run_again(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    with rig.store.write() as writing:
        first = writing.request_reconcile("default", "ada", rig.clock())
    original = rig.source.head

    def head_with_a_request_meanwhile() -> str:
        with rig.store.write() as writing:
            writing.request_reconcile("default", "bob", rig.clock())
        return str(original())

    rig.source.head = head_with_a_request_meanwhile  # type: ignore[attr-defined]
    result = rig.run()
    assert result.again
    assert rig.status.handled_request == first
    rig.source.head = original  # type: ignore[attr-defined]
    assert not rig.run().again
    assert rig.status.handled_request == first + 1


def test_a_suspended_source_is_not_asked_and_resumes_by_itself(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    until = rig.clock().replace(hour=18)
    operations.suspend(rig.store, None, "Audit week", until, "ada", rig.clock())
    rig.commit({"policies/laptops.yaml": policy("Portable")})
    rig.source.calls.clear()
    request = operations.request(rig.store, None, "ada", rig.clock())
    assert rig.reconcile().kind == "suspended"
    assert not rig.source.calls
    assert rig.status.handled_request == request
    rig.clock.now = until
    assert rig.reconcile().kind == "applied"
    assert not rig.status.suspended


def test_what_depends_on_the_clock_alone_is_a_warning(rig: Rig) -> None:
    files = base() | {"exceptions/forgotten.yaml": exception("two", "2026-01-31")}
    rig.commit(files)
    assert rig.reconcile().kind == "applied"
    assert {(p.path, p.level) for p in rig.status.problems if "forgotten" in p.path} == {
        ("exceptions/forgotten.yaml", "warning")
    }


def test_a_missing_path_is_an_error_and_never_an_empty_configuration(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.connect(path="security")
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("stalled", "InvalidConfiguration")
    assert "security" in ending.message
    assert rig.ids("policy") == {"laptops"}
    assert rig.status.generation == 2
    assert rig.reconcile().kind == "settled"


def test_a_repository_that_declares_nothing_is_invalid_at_first(rig: Rig) -> None:
    rig.commit({"README.md": "Nothing yet.\n"})
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("stalled", "InvalidConfiguration")
    ready = rig.status.condition("Ready")
    assert ready is not None
    assert ready.status == "False"


def test_a_deleted_branch_is_retried_and_changes_nothing(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.repository.git("checkout", "--quiet", "-b", "other")
    rig.repository.git("branch", "--quiet", "-D", "main")
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("transient", "FetchFailed")
    assert rig.status.failures == 1
    assert rig.ids("policy") == {"laptops"}
    rig.repository.git("branch", "main")
    assert rig.reconcile().kind == "settled"
    ready = rig.status.condition("Ready")
    assert ready is not None
    assert (ready.status, rig.status.failures) == ("True", 0)


def test_uncommitted_files_are_reconciled_from_a_working_tree_and_back_again(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.connect_working_tree()
    assert rig.reconcile().kind == "applied"
    rig.repository.write({"policies/laptops.yaml": policy("Not committed")})
    assert rig.reconcile().kind == "applied"
    assert str(rig.status.last_applied_revision).startswith("worktree@")
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Not committed"
    assert rig.reconcile().kind == "settled"
    rig.repository.git("checkout", "--quiet", "--", ".")
    rig.connect()
    assert rig.reconcile().kind == "applied"
    assert str(rig.status.last_applied_revision).startswith("main@sha1:")


def test_a_repository_that_vanishes_is_reported_and_comes_back(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    away = rig.repository.path.rename(rig.folder / "away")
    assert rig.reconcile().reason in {"AccessDenied", "FetchFailed"}
    away.rename(rig.repository.path)
    assert rig.reconcile().kind == "settled" or rig.status.condition("Stalled") is None
    ready = rig.status.condition("Ready")
    assert ready is not None
    assert ready.status == "True"


def test_a_revision_that_ended_the_controller_three_times_is_left_alone(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    sha = rig.commit({"policies/laptops.yaml": policy("Portable")})

    class Died(BaseException):
        pass

    def die(files: object, each: object = None) -> dict[str, bytes]:
        raise Died

    for _ in range(3):
        rig.connect()
        rig.source.read = die  # type: ignore[method-assign]
        try:
            rig.reconcile()
        except Died:
            continue
        raise AssertionError("the pass went on")
    rig.connect()
    ending = rig.reconcile()
    assert (ending.kind, ending.reason) == ("stalled", "InvalidConfiguration")
    assert re.search(rf"{sha}.*3 times", ending.message)
    assert rig.reconcile().kind == "settled"
    operations.request(rig.store, None, "ada", rig.clock())
    assert rig.reconcile().kind == "applied"


def test_transition_times_move_only_when_a_status_flips(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    first = rig.status.condition("Ready")
    rig.commit({"policies/laptops.yaml": policy("Portable")})
    rig.reconcile()
    second = rig.status.condition("Ready")
    rig.commit({"policies/laptops.yaml": "name: [\n"})
    rig.reconcile()
    third = rig.status.condition("Ready")
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.last_transition_time == second.last_transition_time < third.last_transition_time
