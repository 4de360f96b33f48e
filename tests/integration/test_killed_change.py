"""A controller is killed inside a fleet-wide change: nobody sees a mix, and the next one ends the change."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Container
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.failpoints import CHANGE_POINTS, VARIABLE
from controller.store.store import SqlReading, open_store
from tests.benchmarks.fleet import fill
from tests.benchmarks.repository import check_id, fleet_repository
from tests.integration.served import DEADLINE, Served, until
from tests.reconcile.repository import Repository
from tests.store.recount import recount

Serve = Callable[..., Served]
MACHINES = 10_500
"""More than one step takes, however fast the machine is."""
CHECKS = 24
REACHED: dict[str, Container[int | None]] = {
    "after_portion": [0],
    "inside_step": [0],
    "after_step": range(1, MACHINES),
    "before_switch": [MACHINES],
    "inside_switch": [MACHINES],
    "after_switch": [None],
}
"""How far the change is known to have gone once a controller has been killed there."""
POLICY = "policies/policy-00000.yaml"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, Path]:
    """A repository with a commit that nobody has applied, and the data of a controller before it."""
    folder = tmp_path_factory.mktemp("told")
    repository = Repository(folder / "repo")
    files = fleet_repository(CHECKS, 3, 2)
    repository.commit(files)
    first = Served(repository.path, folder / "data")
    try:
        until(lambda: brought_to(folder / "data", repository.head), "the first revision")
        assert first.stop() == 0
    finally:
        first.close()
    with closing(open_store(folder / "data")) as store:
        fill(store, MACHINES, CHECKS)
    overrides = "".join(f"  {check_id(n)}: critical\n" for n in range(5))
    repository.commit({POLICY: f"{files[POLICY]}severity_overrides:\n{overrides}"})
    return repository, folder / "data"


@pytest.fixture(scope="module")
def undisturbed(
    told: tuple[Repository, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:
    """What there is before the change, and what a controller leaves behind that nobody kills."""
    repository, begun = told
    before = left_behind(begun)
    data = shutil.copytree(begun, tmp_path_factory.mktemp("undisturbed") / "data")
    running = Served(repository.path, data)
    try:
        until(lambda: brought_to(data, repository.head), "the change")
        assert running.stop() == 0
    finally:
        running.close()
    after = left_behind(data)
    assert all(after[each] != before[each] for each in before)
    return before, after


@pytest.mark.parametrize("point", CHANGE_POINTS)
def test_killed_inside_a_fleet_wide_change_the_next_controller_ends_it_as_if_nothing_had_happened(
    told: tuple[Repository, Path],
    undisturbed: tuple[Any, Any],
    serve: Serve,
    tmp_path: Path,
    point: str,
) -> None:
    (repository, begun), (before, after) = told, undisturbed
    data = shutil.copytree(begun, tmp_path / "data")
    first = serve(repository.path, **{VARIABLE: point})
    assert first.process.wait(DEADLINE) == -signal.SIGKILL

    with closing(open_store(data)) as store:
        assert store.integrity() == []
        with store.read() as reading:
            assert reading.judged().cursor in REACHED[point]
            seen = totals_of(reading)
    assert seen == (after if point == "after_switch" else before)["totals"]

    second = serve(repository.path)
    until(lambda: brought_to(data, repository.head), "the change")
    assert second.stop() == 0
    found = left_behind(data)
    unlike = {
        each: differing(found[each], after[each]) for each in after if found[each] != after[each]
    }
    assert not unlike
    assert_a_recount_gives_the_same(data)


def differing(found: Any, wanted: Any) -> list[str]:
    """A few of the differences: of ten thousand rows nobody reads them all."""
    rows = isinstance(found, list)
    pairs = list(zip(found, wanted, strict=False)) if rows else [(found, wanted)]
    return [repr(pair)[:1000] for pair in pairs if pair[0] != pair[1]][:3]


def brought_to(data: Path, sha: str) -> bool:
    """Whether readers see scores of a commit."""
    if not (data / "gitward.db").exists():
        return False
    with closing(open_store(data)) as store, store.read() as reading:
        judged = reading.judged()
        return judged.cursor is None and (judged.visible_revision or "").endswith(sha)


def left_behind(data: Path) -> dict[str, Any]:
    with closing(open_store(data)) as store, store.read() as reading:
        slot = reading.judged().slot
        return {
            "scores": reading.db.all(
                "SELECT machine, policy, hundredths, risk, compliant, bare_hundredths, bare_risk,"
                " bare_compliant FROM score WHERE slot = ? ORDER BY machine, policy",
                (slot,),
            ),
            "totals": totals_of(reading),
            "history": histories(reading),
            "movements": [
                (each.cause.kind, each.before, each.after)
                for each in reading.movements(datetime.now(UTC) - timedelta(days=1), limit=100)
            ],
        }


def totals_of(reading: SqlReading) -> Any:
    found = reading.fleet_totals(datetime.now(UTC))
    return found.overall, found.policies, found.checks


def histories(reading: SqlReading) -> dict[tuple[str, str | None], list[tuple[object, ...]]]:
    """Of a machine in five hundred, and the last one: what each change came to, in order."""
    machines = reading.every_machine(limit=MACHINES)
    since = datetime.now(UTC) - timedelta(days=1)
    return {
        (machine.uuid, policy): [
            (each.hundredths, each.risk, each.compliant, each.cause.kind)
            for each in reading.score_history(machine.uuid, since, policy)
        ]
        for machine, _ in [*machines[::500], machines[-1]]
        for policy in (None, *reading.in_force().policies)
    }


def assert_a_recount_gives_the_same(data: Path) -> None:
    with closing(open_store(data)) as store, store.read() as reading:
        now = datetime.now(UTC)
        totals, checks = recount(reading, now)
        kept = reading.fleet_totals(now)
        assert kept.overall == totals.pop(None)
        assert {id_: each for id_, each in kept.policies.items() if each.agents} == totals
        assert kept.checks == checks
        assert list(reading.verify_scores()) == []
        assert list(reading.verify_trail()) == []
