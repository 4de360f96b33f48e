"""The failures that other controllers had, and where it is shown that this one has not got them.

| what others did | what holds here | shown by |
|---|---|---|
| a failed read of the source was taken for "empty", and everything deleted | unreadable is never empty | |
| | | tests/source/test_mirror.py::test_a_missing_root_is_an_error_and_not_an_empty_listing |
| | | tests/reconcile/test_reconciler.py::test_a_missing_path_is_an_error_and_never_an_empty_configuration |
| | | tests/reconcile/test_reconciler.py::test_a_deleted_branch_is_retried_and_changes_nothing |
| | | tests/reconcile/test_holding.py::test_an_emptied_repository_is_held_like_any_other_deletion |
| a key left out deleted objects and the dry run did not say so | every deletion is an operation of the plan, by name | |
| | | tests/reconcile/test_plan.py::test_a_deletion_says_where_it_was_and_whether_it_is_protected_or_expired |
| | | tests/reconcile/test_plan.py::test_every_difference_is_one_operation |
| a request during a pass was lost | the pass stores the request it began with, and goes again | |
| | | tests/reconcile/test_reconciler.py::test_a_request_during_a_pass_makes_it_run_again |
| the payload's commit was trusted, a webhook changed the polling interval | the payload is a hint | |
| | | tests/api/test_webhooks.py::test_the_payload_never_chooses_the_source |
| | | tests/integration/test_webhooks.py::test_a_hook_before_its_push_and_hooks_for_what_is_known_do_no_harm |
| a webhook answered 200 and did nothing | what is ignored is called so, with the reason | |
| | | tests/api/test_webhooks.py::test_a_push_elsewhere_is_ignored_with_the_reason |
| | | tests/api/test_webhooks.py::test_an_event_that_is_no_push_is_ignored_by_name |
| payloads made it panic or eat memory | bounded, then verified, then read by a total reader | |
| | | tests/api/test_webhooks.py::test_an_endless_body_is_cut_at_a_mebibyte_without_growth_of_memory |
| | | tests/api/test_webhooks.py::test_a_signed_payload_that_makes_no_sense_is_still_a_hint |
| | | tests/api/test_webhooks.py::test_no_bytes_and_no_headers_can_make_reading_fail |
| a token was compared with != | every comparison of a secret takes the same time | |
| | | tests/reconcile/test_failure_table.py::test_no_secret_is_compared_with_an_operator |
| | | tests/api/test_webhooks.py::test_what_another_secret_signed_is_refused |
| the inventory moved before the prune succeeded | one transaction | |
| | | tests/reconcile/test_crashes.py::test_killed_at_a_point_the_state_is_whole_and_the_next_pass_finishes |
| "applied N" while one was dropped | the count read back is the plan's | |
| | | tests/reconcile/test_failure_table.py::test_a_plan_that_did_not_arrive_whole_changes_nothing |
| a refused write was half kept, and nobody said why | refused before any effect, with file, line and commit | |
| | | tests/api/test_objects.py::test_changing_what_git_declares_is_refused_with_the_patch_that_would |
| | | tests/api/test_objects.py::test_a_refused_write_is_kept_in_the_trail_and_told_as_an_event |
| the check of ownership failed open | what is not known is not written | |
| | | tests/reconcile/test_failure_table.py::test_an_owner_that_cannot_be_told_is_never_overwritten |
| an expiry was honoured in one place and not in another | one rule decides whether an exception is active | |
| | | tests/schedule/test_time.py |
| | | tests/integration/test_main_path.py::test_an_exception_ends_at_its_instant_by_itself |
| an expiry was in local time | UTC instants, half-open | |
| | | tests/api/test_machine.py::test_a_score_turns_at_the_instant_an_exception_ends |
| an unreadable file counted as no policies | an error stops the comparison | |
| | | tests/reconcile/test_reconciler.py::test_a_broken_file_is_named_with_its_line_and_the_last_good_revision_stays |
| a suspension was forgotten, without a reason | reason required, an end, a metric | |
| | | tests/reconcile/test_reconciler.py::test_a_suspended_source_is_not_asked_and_resumes_by_itself |
| | | tests/reconcile/test_failure_table.py::test_a_suspension_without_a_reason_is_refused |
| status spam; texts with durations beat the deduplication | only a change is told, by stable keys | |
| | | tests/reconcile/test_reconciler.py::test_transition_times_move_only_when_a_status_flips |
| | | tests/reconcile/test_failure_table.py::test_a_failure_that_goes_on_is_one_event_and_one_message |
| automation rewrote history | nothing is pushed but a proposal, to a new branch | |
| | | tests/reconcile/test_failure_table.py::test_only_a_proposal_is_ever_pushed |
| the pull request steered who previewed it | settings come from the base, and what arrives is data | |
| | | tests/reconcile/test_holding.py::test_a_commit_cannot_lift_the_guard_that_judges_it |
| | | tests/source/test_canaries.py::test_hooks_filters_and_monitors_that_were_planted_do_nothing |
| a stale lock blocked every later fetch | swept once no child of ours lives, or the mirror is built anew | |
| | | tests/source/test_mirror_damage.py::test_stale_locks_do_not_stop_the_next_fetch |
| | | tests/source/test_mirror_damage.py::test_a_damaged_mirror_heals_itself |
| | | tests/source/test_mirror_damage.py::test_the_lock_outlives_a_killed_controller_until_its_last_child_is_gone |
| options and protocols were injected, children were left | fixed argument lists, allowed protocols, deadlines | |
| | | tests/source/test_canaries.py::test_a_hostile_address_never_reaches_git |
| | | tests/source/test_canaries.py::test_a_hostile_ref_or_revision_creates_nothing |
| | | tests/source/test_remote_failures.py::test_a_remote_that_hangs_is_given_up_and_leaves_no_process |
"""

# ruff: noqa: E501 - a table
from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from controller.errors import ConflictError, GitManagedError, RejectedError, StoreError
from controller.model.notice import Subscription
from controller.reconcile import operations
from controller.store.plan_write import PlanWriting
from tests.reconcile.documents import policy as policy_document
from tests.reconcile.repository import base, policy
from tests.reconcile.rig import Rig

ROOT = Path(__file__).parents[2]
SHOWN = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", __doc__ or "")


@pytest.mark.parametrize(("file", "test"), SHOWN, ids=lambda part: part or "all")
def test_what_shows_it_is_there(file: str, test: str) -> None:
    text = (ROOT / file).read_text()
    assert not test or re.search(rf"^def {test}\(", text, re.MULTILINE)


def test_no_secret_is_compared_with_an_operator() -> None:
    """In what handles secrets, no name of one stands beside == or !=."""
    suspicious = re.compile(
        r"\b\w*(?:secret|token|digest|signature|password|hash)\w*\s*(?:==|!=)\s*(?!None|\"\"|'')"
        r"|(?:==|!=)\s*\w*(?:secret|token|signature|password)\w*\b"
    )
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("controller/api/webhooks", "controller/notify")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if suspicious.search(line)
    ]
    assert found == []


def test_a_plan_that_did_not_arrive_whole_changes_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store loses one object on its way: the pass notices, and undoes the others too."""
    rig.commit(base())
    rig.reconcile()
    rig.commit({"policies/laptops.yaml": policy("New"), "policies/more.yaml": policy("More")})
    row_for = PlanWriting.row_for
    rows: list[Any] = []

    def forgetful(self: PlanWriting, document: Any, *rest: Any) -> Any:
        """Write the row before once more, in place of this one."""
        rows.append(rows[-1] if document.id == "more" else row_for(self, document, *rest))
        return rows[-1]

    monkeypatch.setattr(PlanWriting, "row_for", forgetful)
    assert rig.reconcile().kind == "transient"
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Laptops"
    monkeypatch.undo()
    assert rig.reconcile().kind == "applied"


def test_an_owner_that_cannot_be_told_is_never_overwritten(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    with closing(sqlite3.connect(rig.folder / "data/gitward.db")) as connection:
        connection.execute("UPDATE object SET path = NULL, line = NULL WHERE id = 'laptops'")
        connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'generation'")
        connection.execute("UPDATE object SET version = version + 1 WHERE id = 'laptops'")
        connection.commit()
    with (
        pytest.raises((GitManagedError, ConflictError, StoreError)),
        rig.store.write() as writing,
    ):
        writing.put_object(
            "policy", policy_document("laptops"), actor="eve", as_of=rig.clock(), create=False
        )
    with rig.store.read() as reading:
        assert reading.in_force().policies["laptops"].document.name == "Laptops"


def test_a_suspension_without_a_reason_is_refused(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    for reason in ("", "  \n"):
        with pytest.raises(RejectedError):
            operations.suspend(rig.store, None, reason, None, "ada", rig.clock())
    assert not rig.status.suspended


def told(rig: Rig) -> list[str]:
    with rig.store.read() as reading:
        return [each.reason for each in reversed(reading.notices(1, 100, dead=False).items)]


def events(rig: Rig) -> Mapping[str, tuple[int, datetime]]:
    with rig.store.read() as reading:
        return {each.reason: (each.count, each.at) for each in reading.events(1, 100).items}


def test_a_failure_that_goes_on_is_one_event_and_one_message(rig: Rig) -> None:
    with rig.store.write() as writing:
        writing.subscribe([Subscription("ops")])
    rig.commit(base())
    rig.reconcile()
    gone = rig.repository.path.rename(rig.folder / "elsewhere")
    for _ in range(4):
        rig.reconcile()
    gone.rename(rig.repository.path)
    rig.reconcile()
    gone = rig.repository.path.rename(rig.folder / "elsewhere")
    rig.reconcile()
    gone.rename(rig.repository.path)
    rig.reconcile()
    # Told when it began, when it was over, and again when it came back.
    first, *turns = told(rig)
    assert first == "Applied"
    assert turns == [turns[0], "Applied", turns[0], "Applied"]
    assert events(rig)[turns[0]][0] == 5


def test_only_a_proposal_is_ever_pushed() -> None:
    """One module can push: to a new branch, never the tracked one, never forced."""
    words = re.compile(r"[\"'](?:push|send-pack|commit|update-ref|rebase|merge|reset)[\"']")
    sources = (ROOT / "controller/source").rglob("*.py")
    assert [path.name for path in sources if words.search(path.read_text())] == ["proposal.py"]
