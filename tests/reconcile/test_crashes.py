"""A pass that is killed anywhere leaves the old or the new revision, whole, and the next one finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from controller.reconcile.failpoints import POINTS, VARIABLE
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


@pytest.mark.parametrize("point", POINTS)
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
    rig.connect()
    ending = rig.reconcile()
    if point == "before_finish":
        assert ending.reason == "InvalidConfiguration"
    else:
        assert ending.kind in {"applied", "settled"}
        assert (rig_policy_name(rig), rig.ids("check")) == ("New", {"one", "four"})
    assert rig.status.condition("Reconciling") is None
    assert rig.status.unfinished_attempts == 0


def rig_policy_name(rig: Rig) -> str:
    with rig.store.read() as reading:
        return reading.in_force().policies["laptops"].document.name
