"""What a preview says of a change, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.errors import ControllerError, RejectedError
from controller.reconcile.preview import PlanRequest
from tests.api.server import controller
from tests.reconcile.fleets import World
from tests.reconcile.merging import preview


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
