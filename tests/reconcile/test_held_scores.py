"""While a plan waits for a person nothing in force changes, and no score moves."""

from __future__ import annotations

import pytest

from controller.errors import ConflictError
from controller.reconcile import operations
from tests.builders import add_key, enroll, make_report, submit
from tests.reconcile.repository import catalog, exception, policy
from tests.reconcile.rig import Rig

CHECKS = [f"c{n:02}" for n in range(50)]
FREE = ["free-one", "free-two"]
"""Checks without an exception: the first passes, the second fails."""
Files = dict[str, str | None]


def fifty() -> Files:
    """Two policies, one of them protected, fifty checks that fail, and an exception for each."""
    return {
        "policies/all.yaml": policy("All"),
        "policies/kept.yaml": policy("Kept", protect=True),
        "checks/base.yaml": catalog(*CHECKS, *FREE),
        **{f"exceptions/e-{id_}.yaml": exception(id_) for id_ in CHECKS},
    }


TWENTY: Files = {f"exceptions/e-{id_}.yaml": None for id_ in CHECKS[:20]}
NO_POLICY: Files = {
    "policies/all.yaml": None,
    "policies/kept.yaml": None,
    **{f"exceptions/e-{id_}.yaml": None for id_ in CHECKS},
}
PROTECTED: Files = {"policies/kept.yaml": None}


@pytest.fixture
def scored(rig: Rig) -> Rig:
    rig.commit(fifty())
    assert rig.reconcile().kind == "applied"
    outcomes = {id_: "failed" if n % 3 else "passed" for n, id_ in enumerate(CHECKS)}
    outcomes |= dict(zip(FREE, ("passed", "failed"), strict=True))
    with rig.store.write() as writing:
        add_key(writing)
        for number in range(4):
            now, token = rig.clock(), f"token-{number}"
            machine = enroll(writing, token, at=now)
            submit(writing, machine, token, make_report(outcomes, at=now), now)
    return rig


def judgement(rig: Rig) -> list[str]:
    """Every stored score, counter, object and history row, word for word."""
    tables = (
        "object",
        "score",
        "total",
        "check_total",
        "machine_change",
        "fleet_event",
        "movement",
    )
    found = []
    # By the store's own library: a second one in this process would not share its locks.
    with rig.store.read() as reading:
        for table in (*tables, "posture", "trend"):
            found += [f"{table} {row}" for row in reading.db.all(f"SELECT * FROM {table}")]
    return sorted(found)


def standing_of(rig: Rig) -> tuple[int, int]:
    """How many machines have a score, and the sum of their scores."""
    with rig.store.read() as reading:
        overall = reading.fleet_totals(rig.clock()).overall
    return overall.assessed, overall.score_sum


@pytest.mark.parametrize(
    ("files", "deletes"), [(TWENTY, 20), (NO_POLICY, 52), (PROTECTED, 1)], ids=["40%", "all", "one"]
)
def test_a_held_deletion_changes_nothing_until_released_for_exactly_that_plan(
    scored: Rig, files: Files, deletes: int
) -> None:
    before, standing = judgement(scored), standing_of(scored)
    head = scored.commit(files)
    assert scored.reconcile().reason == "PruneBlocked"
    held = scored.status.held_plan
    assert held is not None
    assert len(held.deletes) == deletes
    assert judgement(scored) == before

    # Neither passes, nor time, nor another plan's digest let it through.
    for _ in range(3):
        scored.reconcile()
    scored.clock.forward(hours=5)
    with pytest.raises(ConflictError):
        operations.confirm(scored.store, None, "f" * 64, "eve", scored.clock())
    scored.reconcile()
    assert judgement(scored) == before

    # A confirmation that comes after the plan has changed releases neither plan.
    operations.confirm(scored.store, None, held.digest, "ada", scored.clock())
    scored.commit({"checks/base.yaml": catalog(*CHECKS, *FREE, severity="high")})
    assert scored.reconcile().reason == "PruneBlocked"
    other = scored.status.held_plan
    assert other is not None
    assert other.digest != held.digest
    assert judgement(scored) == before

    scored.repository.git("revert", "--no-edit", "HEAD")
    assert scored.reconcile().reason == "PruneBlocked"
    again = scored.status.held_plan
    assert again is not None
    assert again.digest == held.digest
    operations.confirm(scored.store, None, held.digest, "ada", scored.clock())
    assert scored.reconcile().kind == "applied"
    assert judgement(scored) != before
    assert (standing_of(scored) != standing) == (files is not PROTECTED)
    assert head != scored.repository.head


def test_reports_go_on_counting_under_what_is_in_force(scored: Rig) -> None:
    scored.commit(NO_POLICY)
    assert scored.reconcile().reason == "PruneBlocked"
    before, _ = standing_of(scored)
    with scored.store.write() as writing:
        now = scored.clock.now
        machine = enroll(writing, "late", at=now)
        submit(writing, machine, "late", make_report(dict.fromkeys(FREE, "passed"), at=now), now)
    assert standing_of(scored)[0] == before + 1
    assert scored.ids("policy") == {"all", "kept"}
