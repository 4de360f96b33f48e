"""Merge what was planned: the store afterwards holds what the preview said, machine by machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.model.documents import Check
from controller.reconcile import impact
from controller.store.rescoring import Rescoring
from tests.api.server import controller
from tests.reconcile.fleets import World, definition
from tests.reconcile.merging import ALL, merge_as_planned, preview, stored


def asked(check: Check) -> dict[str, Any]:
    """As ``definition`` tells it of a document that is not read yet."""
    return {
        "query": check.query,
        "comparison_operator": check.comparison_operator,
        "expected_result": check.expected_result,
    }


@dataclass
class Met:
    """What a run came by: a property that never meets a case says nothing about it."""

    merges: int = 0
    starting: int = 0
    """Merges while an exception had yet to start."""
    ended: int = 0
    stale: int = 0
    queries: int = 0
    returned: int = 0
    """Merges that bring back a definition which was in force once, and not now."""
    revived: int = 0
    """Merges that bring back an exception's id."""
    over: int = 0
    """Merges while the store remembers exceptions that have ended."""
    known: set[tuple[str, str]] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def look(self, world: World) -> None:
        """Count what is there before a merge."""
        now = world.made.clock.now
        with world.made.store.read() as reading:
            waivers = [each.document for each in reading.in_force().waivers.values()]
            found = reading.in_force().checks.items()
            checks = {(id_, str(asked(each.document))) for id_, each in found}
            queries = {(id_, each.document.query) for id_, each in found}
            self.stale += reading.stale_machines(now) > 0
            ids = set(reading.in_force().waivers)
            self.over += bool(reading.in_force().rulebook.ended)
        wanted = {(id_, str(definition(each))) for id_, each in world.checks.items()}
        self.returned += bool((wanted - checks) & self.known)
        self.revived += bool((world.waivers.keys() - ids) & self.gone)
        self.known |= checks
        self.gone |= ids
        self.merges += 1
        self.starting += any(each.starts_at and each.starts_at > now for each in waivers)
        self.ended += any(each.expires_at and each.expires_at <= now for each in waivers)
        self.queries += any(
            (id_, each["query"]) not in queries for id_, each in world.checks.items()
        )


@settings(
    max_examples=12,
    deadline=None,
    # Nothing is simpler about a smaller seed.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(seed=st.integers(0, 2**32), in_chunks=st.booleans())
def test_scores_after_the_merge_are_those_that_were_previewed(seed: int, in_chunks: bool) -> None:
    chunked = pytest.MonkeyPatch.context()
    with TemporaryDirectory() as folder, controller(Path(folder)) as made, chunked as patch:
        patch.setattr(Rescoring, "in_place", 0 if in_chunks else 1_000)
        patch.setattr(Rescoring, "chunk", 7)
        patch.setattr(impact, "_CHUNK", 7 if in_chunks else 2_000)
        world = World(made, seed, 30)
        for _ in range(8):
            world.live(world.random.randint(1, 40), world.random.choice([0, 0.2, 1]))
            world.mutate()
            if world.changed():
                merge_as_planned(world)


def test_a_thousand_machines_score_as_previewed(tmp_path: Path) -> None:
    with controller(tmp_path) as made:
        world = World(made, 20_261_126, 1_000)
        met = Met()
        for _ in range(10):
            world.live(world.random.randint(1, 60), 0.3)
            world.mutate()
            world.mutate()
            if world.changed():
                met.look(world)
                merge_as_planned(world)
    assert min(met.starting, met.ended, met.stale, met.queries, met.merges) > 0, met
    assert min(met.returned, met.revived, met.over) > 0, met


def test_outcomes_of_a_definition_that_comes_back_count_again_and_are_previewed(
    tmp_path: Path,
) -> None:
    """Nobody reports in between: only the bit that the definition had knows what the machines said."""
    with controller(tmp_path) as made:
        world = World(made, 7, 20)
        id_ = "check-3"
        world.checks[id_] |= {"severity": "critical", "cis_level": "level_1"}
        world.policies = {"policy-0": world.policy(0) | ALL}
        made.apply(world.files())
        world.settle()
        first, query = stored(world), world.checks[id_]["query"]
        world.checks[id_]["query"] = "SELECT username FROM users WHERE uid < 77"
        away = preview(world)
        merge_as_planned(world)
        between = stored(world)
        world.checks[id_]["query"] = query
        body = preview(world)
        merge_as_planned(world)
        assert between != first == stored(world)
    assert body["impact"]["complete_share"] > away["impact"]["complete_share"]
    assert body["impact"]["agents_changed"] > 0


def test_an_exception_that_comes_back_goes_on_from_when_it_first_came(tmp_path: Path) -> None:
    with controller(tmp_path) as made:
        world = World(made, 7, 20)
        world.policies = {"policy-0": world.policy(0) | ALL}
        waiver = {"check_id": "check-1", "scope": "global", "expires_at": "2026-08-30"}
        world.waivers["old"] = waiver | {"reason": "Accepted until the vendor answers."}
        new = preview(world)
        merge_as_planned(world)
        kept = world.waivers.pop("old")
        made.clock.forward(days=20)
        merge_as_planned(world)
        made.clock.forward(days=10)
        world.waivers["old"] = kept
        again = preview(world)
        merge_as_planned(world)
    lives = [each["impact"]["exceptions"][0]["life_days"] for each in (new, again)]
    assert lives == [89.5, 89.5]


def test_an_exception_that_has_ended_stays_ended_in_a_preview_when_clocks_jump_back(
    tmp_path: Path,
) -> None:
    with controller(tmp_path) as made:
        world = World(made, 7, 20)
        world.policies = {"policy-0": world.policy(0) | ALL}
        world.checks["check-1"] |= {"cis_level": "level_1", "severity": "critical"}
        ends = made.clock.now + timedelta(hours=2)
        world.waivers["short"] = {
            "check_id": "check-1",
            "scope": "global",
            "reason": "Accepted until the vendor answers.",
            "starts_at": (ends - timedelta(days=1)).isoformat(),
            "expires_at": ends.isoformat(),
        }
        merge_as_planned(world)
        exempted = stored(world)
        world.live(3, 0)
        assert stored(world) != exempted
        made.clock.forward(hours=-2)  # now it would be active again, if nothing were remembered
        world.policies["policy-0"]["description"] = "Other words alone."
        body = preview(world)
        merge_as_planned(world)
    assert body["impact"]["agents_changed"] == 0
    assert body["impact"]["newly_exempted"]["pairs"] == 0


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 1_000])
def test_every_machine_is_counted_once_whatever_the_size_of_a_chunk(
    world: World, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mutate()
    whole = preview(world)
    monkeypatch.setattr(impact, "_CHUNK", size)
    assert preview(world) == whole
    assert whole["impact"]["agents_total"] == 20
    assert whole["impact"]["before"]["agents"] == 20


@pytest.fixture
def world(tmp_path: Path) -> Any:
    with controller(tmp_path) as made:
        yield World(made, 7, 20)
