"""GW6xx: what only a reconciler finds, each with a revision that has it and one that has not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from controller.config.codes import CODES
from controller.failpoints import VARIABLE
from controller.model.operator import SourceLimit
from tests.reconcile.repository import base, policy
from tests.reconcile.rig import Rig
from tests.reconcile.several import Sources
from tests.reconcile.test_crashes import ONE_PASS
from tests.reconcile.test_several_sources import TEAM


def codes(rig: Rig) -> set[str]:
    return {each.code for each in rig.status.problems if each.code.startswith("GW6")}


def test_gw601_a_revision_that_declares_nothing(rig: Rig) -> None:
    rig.commit({"README.md": "policies will follow\n"})
    assert rig.reconcile().kind != "applied"
    assert codes(rig) == {"GW601"}
    rig.commit(base())
    assert (rig.reconcile().kind, codes(rig)) == ("applied", set())


def test_gw602_a_link_where_a_document_belongs(rig: Rig) -> None:
    rig.commit(base())
    path = rig.repository.path / "policies/laptops.yaml"
    path.unlink()
    path.symlink_to("/etc/passwd")
    rig.commit({})
    assert rig.reconcile().kind != "applied"
    assert codes(rig) == {"GW602"}
    path.unlink()
    rig.commit({"policies/laptops.yaml": policy()})
    assert (rig.reconcile().kind, codes(rig)) == ("applied", set())


def test_gw603_a_revision_that_ends_the_controller_three_times(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    rig.commit({"policies/laptops.yaml": policy("New")})
    for _ in range(3):
        rig.source.close()
        done = subprocess.run(
            [sys.executable, "-c", ONE_PASS, str(rig.folder / "data"), str(rig.repository.path)],
            env={**os.environ, VARIABLE: "after_read"},
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
    rig.connect()
    assert rig.reconcile().kind != "applied"
    assert codes(rig) == {"GW603"}
    rig.commit({"policies/laptops.yaml": policy("Newer")})
    assert (rig.reconcile().kind, codes(rig)) == ("applied", set())


def test_gw604_an_id_that_another_source_declares(sources: Sources) -> None:
    sources.add("a").commit(base())
    other = sources.add("b")
    other.commit({**TEAM, "policies/laptops.yaml": policy("Mine")})
    sources.reconcile("a")
    assert sources.reconcile("b").kind != "applied"
    assert {each.code for each in sources.status("b").problems} == {"GW604"}
    other.commit({"policies/laptops.yaml": None})
    assert sources.reconcile("b").kind == "applied"


def test_gw605_a_policy_outside_of_the_sources_limit(sources: Sources) -> None:
    team = sources.add("team", SourceLimit(tags=("web",)))
    team.commit({**TEAM, "policies/team.yaml": policy("Team", target_tags="[payments]")})
    assert sources.reconcile("team").kind != "applied"
    assert "GW605" in {each.code for each in sources.status("team").problems}
    team.commit({"policies/team.yaml": policy("Team", target_tags="[web]")})
    assert sources.reconcile("team").kind == "applied"


def test_every_code_of_a_revision_is_shown_here() -> None:
    shown = {name[5:10].upper() for name in globals() if name.startswith("test_gw6")}
    assert shown == {code for code in CODES if code.startswith("GW6")}
