"""The shipped Linux checks by somebody who may not see everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.content.documents import ROOT, checks
from tests.require import require

NOBODY = 65534
# The interpreter may lie where only root can read, so everything is imported before rights are given up.
SCRIPT = f"""
import json, os, sys
from controller.agent.query import run_query
from controller.agent.runner import evaluate
from tests.content.asked import asked
from tests.content.documents import checks
every = asked(check["id"] for check in checks("linux"))
run_query("SELECT username FROM users")
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
results = evaluate(every, run_query)
json.dump([[each.check_id, each.status, each.details] for each in results], sys.stdout)
"""


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[str, str]]:
    require("root", os.geteuid() == 0)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {check: (status, details) for check, status, details in json.loads(done.stdout)}


def test_every_check_gets_an_answer(results):
    assert set(results) == {check["id"] for check in checks("linux")}


def test_an_error_says_what_could_not_be_read_and_what_to_do(results):
    unclear = {
        check: details
        for check, (status, details) in results.items()
        if status == "error" and not ("ermission denied" in details and "root" in details)
    }
    assert unclear == {}


def test_what_only_root_may_see_is_an_error_and_never_a_pass(results):
    hidden = ["linux-accounts-no-empty-password", "linux-password-stored-hashes"]
    if Path("/etc/sudoers").exists():
        hidden.append("linux-accounts-sudo-password")
    hidden.append("linux-malware-program-in-tmp")

    assert {results[check][0] for check in hidden} == {"error"}
    assert "/etc/shadow cannot be read" in results[hidden[0]][1]


def test_what_everybody_may_see_is_decided(results):
    open_to_all = [
        "linux-accounts-only-root-uid-0",
        "linux-accounts-passwd-file",
        "linux-password-hash-method",
        "linux-updates-supported-release",
        "linux-malware-aslr",
    ]
    assert {results[check][0] for check in open_to_all} <= {"passed", "failed"}


def test_most_checks_need_no_root(results):
    errors = [check for check, (status, _) in results.items() if status == "error"]
    assert len(errors) * 5 < len(results), errors
