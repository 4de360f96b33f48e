"""The Linux checks that ship with the program, on the machine that runs the tests."""

import os
from pathlib import Path

import pytest
import yaml

from controller.agent.query import run_query
from controller.agent.runner import evaluate
from controller.model.machine import Asked
from tests.agent.machines import machine
from tests.require import require

ROOT = Path(__file__).parents[2]


def shipped() -> list[Asked]:
    files = sorted((ROOT / "checks" / "linux").glob("*.yaml"))
    return [
        Asked(
            check["id"],
            "sha1:d",
            None,
            check.get("check_type", "osquery"),
            check["query"],
            check["comparison_operator"],
            check.get("expected_result"),
            check.get("applies_when"),
        )
        for path in files
        for check in yaml.load(path.read_text(), yaml.BaseLoader)["checks"]  # noqa: S506 - ours
    ]


CHECKS = shipped()


def test_every_shipped_check_can_be_decided_on_this_machine():
    require("root", os.geteuid() == 0)
    results = evaluate(CHECKS, run_query) or ()

    assert [(r.check_id, r.details) for r in results if r.status == "error"] == []
    assert len(results) == len(CHECKS) > 0


@pytest.mark.parametrize("check", CHECKS, ids=[check.check_id for check in CHECKS])
def test_a_shipped_query_can_be_asked_of_an_empty_machine(tmp_path, check):
    system = machine(tmp_path, {"/etc/": ""})

    for sql in filter(None, (check.query, check.applies_when)):
        run_query(sql, system)


SSHD = "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nPasswordAuthentication no\n"


def test_the_ssh_checks_see_what_sshd_would_use(tmp_path):
    wanted = {"linux-ssh-root-login", "linux-ssh-password-login", "linux-ssh-allowed-people"}
    system = machine(
        tmp_path,
        {
            "/usr/sbin/sshd": "",
            "/etc/ssh/sshd_config": SSHD,
            "/etc/ssh/sshd_config.d/10-a.conf": "permitrootlogin no\nAllowGroups ssh\n",
        },
    )

    results = evaluate(
        [check for check in CHECKS if check.check_id in wanted],
        lambda sql: run_query(sql, system),
    )

    assert {result.check_id: result.status for result in results or ()} == dict.fromkeys(
        wanted, "passed"
    )
