"""A pass that is killed anywhere leaves the old or the new revision, whole, and the next one finishes."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from controller.failpoints import PASS_POINTS, VARIABLE
from tests.reconcile.repository import base, catalog, policy
from tests.reconcile.rig import Rig

ONE_PASS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from controller.config.load import is_document
from controller.reconcile.reconciler import Reconciler
from controller.source.address import parse_address
from controller.source.mirror import GitSource
from controller.store.store import open_store

data, repository = map(Path, sys.argv[1:])
source = GitSource(
    name="default", address=parse_address(str(repository), allow_local=True), ref="main", path="",
    data=data, wanted=is_document,
)
store = open_store(data)
Reconciler(source, store, clock=lambda: datetime.now(UTC)).run()
"""


@pytest.mark.parametrize("point", PASS_POINTS)
def test_killed_at_a_point_the_state_is_whole_and_the_next_pass_finishes(
    rig: Rig, point: str
) -> None:
    rig.commit(base())
    rig.reconcile()
    changed: dict[str, str | None] = {
        "policies/laptops.yaml": policy("New"),
        "checks/base.yaml": catalog("one", "four"),
    }
    broken: dict[str, str | None] = {"policies/laptops.yaml": "name: [\n"}
    # What is refused ends before there is anything to apply, and the other way round.
    rig.commit(broken if point == "before_finish" else changed)
    rig.source.close()

    done = subprocess.run(
        [sys.executable, "-c", ONE_PASS, str(rig.folder / "data"), str(rig.repository.path)],
        env={**os.environ, VARIABLE: point},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr

    name = rig_policy_name(rig)
    assert (name, rig.ids("check")) in [
        ("Laptops", {"one", "two", "three"}),
        ("New", {"one", "four"}),
    ]
    nothing_left_over(rig)
    rig.connect()
    ending = rig.reconcile()
    if point == "before_finish":
        assert ending.reason == "InvalidConfiguration"
    else:
        assert ending.kind in {"applied", "settled"}
        assert (rig_policy_name(rig), rig.ids("check")) == ("New", {"one", "four"})
    assert rig.status.condition("Reconciling") is None
    assert rig.status.unfinished_attempts == 0
    no_debris(rig)
    rig.source.close()
    nothing_left_over(rig)
    with rig.store.read() as reading:
        assert list(reading.verify_trail()) == []
        assert list(reading.verify_scores()) == []
    assert rig.store.integrity() == []


def test_killed_at_any_time_the_state_is_whole_and_the_next_pass_finishes(rig: Rig) -> None:
    """Not at points that somebody thought of, but whenever the clock says."""
    rig.commit(base())
    rig.reconcile()
    names = ["Laptops"]
    spread = random.Random(7)
    for number in range(6):
        names.append(f"Name {number}")
        rig.commit({"policies/laptops.yaml": policy(names[-1])})
        rig.source.close()
        process = subprocess.Popen(
            [sys.executable, "-c", ONE_PASS, str(rig.folder / "data"), str(rig.repository.path)],
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(spread.uniform(0.2, 1.2))
        process.kill()
        process.wait()
        nothing_left_over(rig)
        assert rig_policy_name(rig) in names
    rig.connect()
    rig.reconcile()
    assert rig_policy_name(rig) == names[-1]
    with rig.store.read() as reading:
        assert list(reading.verify_trail()) == []


def nothing_left_over(rig: Rig) -> None:
    """No child outlives its controller, and once none lives no lock keeps the next one out."""
    root = rig.folder / "data/mirrors/default"
    end = time.monotonic() + 20
    while running := [each for each in psutil.process_iter(["cmdline"]) if _of(each, root)]:
        assert time.monotonic() < end, running
        time.sleep(0.05)
    with (root / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def no_debris(rig: Rig) -> None:
    """What a crash left in the mirror's folder is gone after the next pass."""
    root = rig.folder / "data/mirrors/default"
    assert sorted(each.name for each in root.iterdir()) == ["home", "lock", "mirror.git"]
    left = [*root.rglob("*.lock"), *root.rglob("tmp_*"), *root.rglob(".tmp-*")]
    assert left == []


def _of(process: psutil.Process, root: Path) -> bool:
    return any(str(root) in word for word in process.info["cmdline"] or ())


def rig_policy_name(rig: Rig) -> str:
    with rig.store.read() as reading:
        return reading.in_force().policies["laptops"].document.name
