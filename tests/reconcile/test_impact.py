"""Merge what was planned: the store afterwards holds what the preview said, machine by machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import ControllerError, RejectedError
from controller.reconcile.preview import PlanRequest, Previewer
from controller.scoring.score import percent
from controller.store.port.fleet import Totals
from controller.store.port.machines import MachineQuery
from controller.store.rescoring import Rescoring
from tests.api.server import controller
from tests.reconcile.fleets import World

Shown = dict[str, tuple[float | None, str, bool | None]]


def stored(world: World) -> Shown:
    """Every machine's stored overall score."""
    with world.made.store.read() as reading:
        page = reading.machines(MachineQuery(per_page=10_000), world.made.clock.now)
    return {
        row.machine.uuid: (percent(s.hundredths), s.risk, s.compliant)
        for row in page.items
        if (s := row.standing) is not None
    }


def preview(world: World, **fields: Any) -> dict[str, Any]:
    previewer = world.made.services.preview
    assert isinstance(previewer, Previewer)
    request = PlanRequest(files=world.changed(), movers=None, **fields)
    return previewer.preview(request, world.made.clock.now)


def told(side: dict[str, Any]) -> tuple[float | None, str, bool | None]:
    return side["score"], side["risk_level"], side["compliant"]


def agree(sums: dict[str, Any] | None, totals: Totals | None) -> None:
    if sums is None or totals is None:
        assert sums is None or sums["agents"] == 0 or totals is not None
        assert totals is None or totals.agents == 0 or sums is not None
        return
    average = totals.score_sum // totals.assessed / 100 if totals.assessed else None
    assert sums["average_score"] == average
    assert sums["risk_distribution"] == totals.risk
    assert (sums["agents"], sums["assessed_agents"], sums["compliant_agents"]) == (
        totals.agents,
        totals.assessed,
        totals.compliant,
    )


def merge_as_planned(world: World) -> None:
    before = stored(world)
    body = preview(world)
    plan = world.made.apply(world.files())
    world.settle()
    after = stored(world)

    impact = body["impact"]
    expected = dict(before)
    for each in impact["agents"]:
        assert told(each["before"]) == before[each["agent_uuid"]]
        expected[each["agent_uuid"]] = told(each["after"])
    assert after == expected
    assert body["digest"] == plan.digest
    assert impact["agents_changed"] == len(impact["agents"])
    assert impact["newly_noncompliant"] == sum(
        after[uuid][2] is False and before[uuid][2] is not False for uuid in after
    )
    with world.made.store.read() as reading:
        totals = reading.fleet_totals(world.made.clock.now)
        pending = {uuid for uuid in after if _awaits(reading, uuid, world)}
    agree(impact["after"], totals.overall)
    policies = {each["policy_id"]: each["after"] for each in impact["policies"]}
    for id_, each in totals.policies.items():
        agree(policies.get(id_), each)
    assert impact["complete_share"] == 1 or pending


def _awaits(reading: Any, uuid: str, world: World) -> bool:
    state = reading.machine_state(uuid, world.made.clock.now)
    machine = state.machine
    score = reading.moment(world.made.clock.now).score(
        uuid, machine.os, machine.tags, state.posture
    )
    return bool(score.overall.pending)


@dataclass
class Met:
    """What a run came by: a property that never meets a case says nothing about it."""

    merges: int = 0
    starting: int = 0
    """Merges while an exception had yet to start."""
    ended: int = 0
    stale: int = 0
    queries: int = 0

    def look(self, world: World) -> None:
        """Count what is there before a merge."""
        now = world.made.clock.now
        with world.made.store.read() as reading:
            waivers = [each.document for each in reading.in_force().waivers.values()]
            checks = {id_: each.document.query for id_, each in reading.in_force().checks.items()}
            self.stale += reading.stale_machines(now) > 0
        self.merges += 1
        self.starting += any(each.starts_at and each.starts_at > now for each in waivers)
        self.ended += any(each.expires_at and each.expires_at <= now for each in waivers)
        self.queries += any(checks[id_] != each["query"] for id_, each in world.checks.items())


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), in_chunks=st.booleans())
def test_scores_after_the_merge_are_those_that_were_previewed(seed: int, in_chunks: bool) -> None:
    chunked = pytest.MonkeyPatch.context()
    with TemporaryDirectory() as folder, controller(Path(folder)) as made, chunked as patch:
        patch.setattr(Rescoring, "in_place", 0 if in_chunks else 1_000)
        patch.setattr(Rescoring, "chunk", 7)
        world = World(made, seed, 30)
        for _ in range(8):
            world.live(world.random.randint(1, 40), world.random.choice([0, 0.2, 1]))
            world.mutate()
            if world.changed():
                merge_as_planned(world)


def test_a_thousand_machines_score_as_previewed(tmp_path: Path) -> None:
    with controller(tmp_path) as made:
        world = World(made, 20_261_123, 1_000)
        met = Met()
        for _ in range(10):
            world.live(world.random.randint(1, 60), 0.3)
            world.mutate()
            if world.changed():
                met.look(world)
                merge_as_planned(world)
    assert min(met.starting, met.ended, met.stale, met.queries, met.merges) > 0, met


@pytest.fixture
def world(tmp_path: Path) -> Any:
    with controller(tmp_path) as made:
        yield World(made, 7, 20)


def test_a_preview_writes_nothing(world: World) -> None:
    with world.made.store.read() as reading:
        before = reading.change(), reading.next_position()
    world.mutate()
    preview(world)
    with world.made.store.read() as reading:
        assert (reading.change(), reading.next_position()) == before


def test_an_expectation_alone_is_judged_from_evidence_and_a_query_needs_a_report(
    world: World,
) -> None:
    id_ = "check-3"
    world.checks[id_] |= {"severity": "critical", "cis_level": "level_1", "platforms": ["linux"]}
    for policy in world.policies.values():
        policy |= {"enabled": True, "exclude_checks": [], "target_tags": []}
    world.made.apply(world.files())
    world.checks[id_]["expected_result"] = {"username": "never"}
    expectation = preview(world)
    world.checks[id_]["query"] = "SELECT username FROM users WHERE uid < 99"
    query = preview(world)

    assert expectation["impact"]["agents_changed"] > 0
    assert expectation["impact"]["needs_report"] == [] or (
        expectation["impact"]["complete_share"] > query["impact"]["complete_share"]
    )
    assert query["impact"]["needs_report"] == [id_]
    assert query["impact"]["complete_share"] < 1


def test_a_global_exception_shows_whom_it_covers_what_it_hides_and_the_day_it_ends(
    world: World,
) -> None:
    world.policies = {"policy-0": world.policy(0) | {"enabled": True, "target_tags": []}}
    world.policies["policy-0"] |= {"exclude_checks": [], "target_os": "all"}
    world.checks["check-1"] |= {"cis_level": "level_1", "platforms": ["linux", "windows"]}
    world.made.apply(world.files())
    world.waivers["new"] = {
        "check_id": "check-1",
        "scope": "global",
        "reason": "Accepted until the vendor answers.",
        "expires_at": "2026-08-30",
    }
    body = preview(world)
    (review,) = body["impact"]["exceptions"]
    (operation,) = body["operations"]

    assert (review["agents"], len(review["hostnames"])) == (20, 10)
    counted = sum(review["checks"][0][k] for k in ("passed", "failed", "error", "pending"))
    assert counted == review["pairs"] == 20
    assert review["hides_failing"] == review["checks"][0]["failed"]
    assert operation["fleet"] == {"agents": 20, "failing": review["hides_failing"]}
    assert body["impact"]["newly_exempted"] == {"pairs": 20, "failing": review["hides_failing"]}
    assert review["average_at_end"] == review["average_before"]
    assert review["life_days"] == 89.5
    assert operation["effect"] == "weakens"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base": "main"}, "is no revision"),
        ({"head": "--upload-pack=x"}, "is no revision"),
        ({"head": "a" * 40}, "no commit"),
        ({"source": "other"}, "no source 'other'"),
    ],
)
def test_an_unknown_revision_is_refused_in_a_sentence(
    world: World, fields: dict[str, str], words: str
) -> None:
    previewer = world.made.services.preview
    assert previewer is not None
    with pytest.raises(ControllerError, match=words):
        previewer.preview(PlanRequest(**fields), world.made.clock.now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["../policies/a.yaml", "policies/../../a.yaml", "README.md", "policies/a\nb.yaml", ""]
)
def test_only_documents_paths_are_taken(world: World, path: str) -> None:
    previewer = world.made.services.preview
    assert previewer is not None
    with pytest.raises(ControllerError, match="no document's path"):
        previewer.preview(PlanRequest(files={path: "x"}), world.made.clock.now)


def test_a_head_with_problems_has_no_plan_and_names_each(world: World) -> None:
    previewer = world.made.services.preview
    assert previewer is not None
    files = {"policies/new.yaml": "name: X\ncis_level: level_9\ntarget_os: linux\n"}
    with pytest.raises(ControllerError, match="would not be applied") as refused:
        previewer.preview(PlanRequest(files=files), world.made.clock.now)
    assert "policies/new.yaml:2" in str(refused.value.problems)  # type: ignore[attr-defined]


def test_a_head_that_declares_nothing_is_refused_as_the_reconciler_does(world: World) -> None:
    world.made.apply({})
    world.settle()
    previewer = world.made.services.preview
    assert previewer is not None
    with pytest.raises(RejectedError, match="would not be applied") as refused:
        previewer.preview(PlanRequest(), world.made.clock.now)
    assert [text.split()[1] for _, text in refused.value.problems] == ["GW601"]


def test_a_head_that_deletes_everything_is_shown_and_held(world: World) -> None:
    previewer = world.made.services.preview
    assert previewer is not None
    files: dict[str, str | None] = dict.fromkeys(world.made.files)
    body = previewer.preview(PlanRequest(files=files), world.made.clock.now)
    assert body["held"] == "PruneBlocked"
    assert body["counts"]["delete"] == len(body["operations"]) > 0


def test_two_older_revisions_are_compared_with_each_other(world: World) -> None:
    first = f"{1:040x}"
    world.policies["policy-0"]["passing_score_threshold"] = 99
    world.made.apply(world.files())
    previewer = world.made.services.preview
    assert previewer is not None
    back = previewer.preview(PlanRequest(head=first), world.made.clock.now)
    same = previewer.preview(PlanRequest(base=first, head=first), world.made.clock.now)

    assert back["operations"][0]["id"] == "policy-0"
    assert same["operations"] == []
    assert same["impact"]["agents_changed"] == 0
