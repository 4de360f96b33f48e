from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.served import PROGRAM, Served
from tests.reconcile.repository import Repository

POLICY = """\
# A remark that must survive.
name: Servers
cis_level: level_1
target_os: linux
passing_score_threshold: 80  # percent
"""

CATALOG = """\
catalog: demo
title: Demonstration
checks:
  - id: ssh-root
    title: SSH does not let root log in
    category: remote_access
    severity: high
    cis_level: level_1
    platforms: [linux]
    description: Root must not log in over the network.
    query: SELECT 1 AS one FROM users WHERE uid = 0
    comparison_operator: exists
  - id: tmp-nodev
    title: /tmp refuses devices
    category: user_accounts
    severity: low
    cis_level: level_1
    platforms: [linux]
    description: Devices do not belong in /tmp.
    query: SELECT path FROM mounts WHERE path = '/tmp' AND flags LIKE '%nodev%'
    comparison_operator: exists
"""


def exception(expires_at: str, check_id: str = "ssh-root") -> str:
    return (
        f"check_id: {check_id}\nscope: global\nexpires_at: {expires_at}\n"
        "reason: Accepted while the machines are replaced.\n"
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.commit({"policies/servers.yaml": POLICY, "checks/demo.yaml": CATALOG}, "Begin")
    return made


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start controllers; every one is stopped at the end."""
    running: list[Served] = []

    def start(
        repo: Path | str | None, *arguments: str, data: Path | None = None, **environment: str
    ) -> Served:
        folder = data or tmp_path / "data"
        running.append(Served(repo, folder, *arguments, program=PROGRAM, **environment))
        return running[-1]

    yield start
    for each in running:
        each.close()
