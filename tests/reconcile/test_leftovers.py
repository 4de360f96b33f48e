"""A source that is taken out of the settings: nothing is lost, nothing goes unnoticed."""

from __future__ import annotations

import pytest

from controller.errors import ConflictError
from controller.model.notice import Subscription
from controller.reconcile import operations
from controller.reconcile.leftovers import Leftovers
from tests.reconcile.repository import base, catalog, exception, policy
from tests.reconcile.several import Sources

TEAM: dict[str, str | None] = {
    "policies/team.yaml": policy("Team"),
    "checks/team.yaml": catalog("team-one").replace("catalog: base", "catalog: team"),
    "exceptions/team.yaml": exception("team-one"),
}


@pytest.fixture
def leftovers(sources: Sources) -> Leftovers:
    """Two sources in force, and then ``team`` is configured no longer."""
    with sources.store.write() as writing:
        writing.subscribe([Subscription("ops")])
    central, team = sources.add("central"), sources.add("team")
    central.commit(base())
    team.commit({**TEAM, "gitward.yaml": "api_writes: deny\n"})
    sources.reconcile("central")
    sources.reconcile("team")
    made = Leftovers(sources.store, ["team"], sources.clock, forget=forgotten.append)
    forgotten.clear()
    made.step()
    return made


forgotten: list[str] = []


def digest(sources: Sources) -> str:
    held = sources.status("team").held_plan
    assert held is not None
    return held.digest


def test_what_it_declared_stays_and_the_status_says_what_to_do(
    sources: Sources, leftovers: Leftovers
) -> None:
    status = sources.status("team")
    assert status.removed
    ready, stalled = status.condition("Ready"), status.condition("Stalled")
    assert ready is not None
    assert stalled is not None
    assert (ready.status, ready.reason) == ("False", "SourceRemoved")
    assert "1 policy, 1 check, 1 exception" in stalled.message
    assert f"gitward confirm {digest(sources)}" in stalled.message
    assert status.held_plan is not None
    assert set(status.held_plan.deletes) == {
        "policy/team",
        "check/team-one",
        "exception/team",
    }
    assert sources.managers() == {"laptops": "git:central", "team": "git:team"}
    with sources.store.read() as reading:
        told = [each.reason for each in reading.notices(1, 9, dead=False).items]
    assert told[0] == "SourceRemoved"
    # And nothing more is said or written, however often it is looked at.
    change = sources.store.change()
    for _ in range(3):
        sources.clock.forward(hours=1)
        leftovers._seen = None
        leftovers.step()
    assert sources.store.change() == change


def test_its_objects_go_once_exactly_that_plan_is_confirmed(
    sources: Sources, leftovers: Leftovers
) -> None:
    with pytest.raises(ConflictError):
        operations.confirm(sources.store, "team", "0" * 64, "ada", sources.clock())
    leftovers.step()
    assert "team" in sources.managers()
    operations.confirm(sources.store, None, digest(sources), "ada", sources.clock())
    leftovers.step()
    assert sources.managers() == {"laptops": "git:central"}
    assert forgotten == ["team"]
    with sources.store.read() as reading:
        assert reading.source("team") is None
        assert reading.in_force().settings.api_writes == "allow"
        newest = reading.revisions(1, 1).items[0]
        trail = {(row.action, row.actor) for row in reading.audit(1, 20).items}
        assert not list(reading.verify_trail())
        assert not list(reading.verify_scores())
    assert newest.counts["delete"] == 3
    assert {("confirm", "ada"), ("forget", "git:team")} <= trail


def test_another_source_takes_its_objects_over_in_a_plan_that_says_adopt(
    sources: Sources, leftovers: Leftovers
) -> None:
    before = digest(sources)
    files = {**base(), "policies/team.yaml": policy("Team, taken over")}
    files["checks/team.yaml"] = TEAM["checks/team.yaml"]
    sources.repositories["central"].commit(files)
    ending = sources.reconcile("central")
    assert ending.message.endswith("2 adopt")
    assert sources.managers() == {"laptops": "git:central", "team": "git:central"}
    leftovers.step()
    # What is left is another plan: the old digest releases nothing.
    assert digest(sources) != before
    with pytest.raises(ConflictError):
        operations.confirm(sources.store, "team", before, "ada", sources.clock())
    sources.repositories["central"].commit({"exceptions/team.yaml": TEAM["exceptions/team.yaml"]})
    assert sources.reconcile("central").kind == "applied"
    leftovers.step()
    with sources.store.read() as reading:
        assert reading.source("team") is None
        # Its settings went with it.
        assert reading.in_force().settings.api_writes == "allow"
    assert forgotten == ["team"]


def test_while_it_is_configured_nobody_takes_its_objects_over(sources: Sources) -> None:
    central, team = sources.add("central"), sources.add("team")
    team.commit(TEAM)
    sources.reconcile("team")
    central.commit(TEAM)
    assert sources.reconcile("central").reason == "InvalidConfiguration"
    assert sources.managers() == {"team": "git:team"}


def test_a_source_that_is_put_back_goes_on_where_it_was(
    sources: Sources, leftovers: Leftovers
) -> None:
    operations.confirm(sources.store, "team", digest(sources), "ada", sources.clock())
    sources.add("team")  # before anything came of it
    assert sources.reconcile("team").kind == "applied"
    status = sources.status("team")
    assert not status.removed
    assert (status.held_plan, status.confirmed_digest) == (None, None)
    assert sources.managers() == {"laptops": "git:central", "team": "git:team"}
    assert sources.reconcile("team").kind == "settled"


def test_a_suspended_one_deletes_nothing_until_it_is_resumed(
    sources: Sources, leftovers: Leftovers
) -> None:
    operations.suspend(sources.store, "team", "wait", None, "ada", sources.clock())
    operations.confirm(sources.store, "team", digest(sources), "ada", sources.clock())
    leftovers.step()
    assert "team" in sources.managers()
    operations.resume(sources.store, "team", "ada", sources.clock())
    leftovers.step()
    assert "team" not in sources.managers()


def test_the_one_source_that_is_left_need_not_be_named(
    sources: Sources, leftovers: Leftovers
) -> None:
    assert operations.only_source(sources.store) == "central"
    token = operations.request(sources.store, "team", "ada", sources.clock())
    leftovers.step()
    assert sources.status("team").handled_request == token
