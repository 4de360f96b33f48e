"""From ``init`` to a merged exception that changes a score: every part is the real one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.require import require

ROOT = Path(__file__).parents[2]
EXCEPTION = """\
check_id: linux-no-telnet
scope: agent
agent_uuid: {uuid}
reason: The serial console's server speaks nothing else until it is replaced.
starts_at: {start}
expires_at: {end}
owner: netops@example.com
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    author = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITWARD_"))}
    return {
        **kept,
        **{f"GIT_AUTHOR_{key}": value for key, value in author.items()},
        **{f"GIT_COMMITTER_{key}": value for key, value in author.items()},
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PYTHONPATH": str(ROOT),
        "GITWARD_PROPOSALS": "true",
    }


class Shell:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def run(self, *arguments: object, code: int = 0, more: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            list(map(str, arguments)), cwd=self.folder, env={**self.environment, **(more or {})},
            check=False, capture_output=True, text=True, timeout=400,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def gitward(self, *arguments: object, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "controller", *arguments, code=code)

    def git(self, *arguments: object) -> str:
        return self.run("git", *arguments)


@contextmanager
def serving(shell: Shell, remote: Path, data: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "controller", "serve", "--repo", str(remote), "--data", str(data),
         "--port", "0", "--poll-interval", "3600"],
        cwd=shell.folder, env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"listening on (http://\S+)", line):
                yield found[1]
                break
        else:
            raise AssertionError("the controller never listened")
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def enroll(address: str, key: str) -> tuple[str, dict[str, str]]:
    answer = httpx.post(
        f"{address}/api/v1/enrollment/register",
        headers={"X-Registration-Key": key},
        json={"hostname": "web-01", "os": "linux", "arch": "x86_64", "agent_version": "1.0"},
    )
    body = answer.json()
    return body["uuid"], {"Authorization": f"Bearer {body['agent_token']}"}


def report(address: str, headers: dict[str, str], now: str) -> None:
    outcomes = {"linux-no-telnet": "failed", "linux-only-root-has-uid-0": "passed"}
    body: dict[str, Any] = {
        "report_id": "7d444840-9dc0-41d1-b245-5ffdce74fad2",
        "collected_at": now,
        "results": [{"check_id": id_, "status": status} for id_, status in outcomes.items()],
    }
    answer = httpx.post(f"{address}/api/v1/compliance/results", headers=headers, json=body)
    assert answer.status_code == 200, answer.text


def test_a_risk_is_accepted_by_a_reviewed_merge(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    now = datetime.now(UTC)
    pre_commit = Path(sys.executable).with_name("pre-commit")
    require("pre-commit", pre_commit.is_file())
    require("the project's own git history", (ROOT / ".git").exists())
    work, remote, data = tmp_path / "work", tmp_path / "remote.git", tmp_path / "data"
    Shell(tmp_path, environment).gitward("init", work)
    shell = Shell(work, environment)
    shell.git("init", "--quiet", "--bare", "--initial-branch=main", remote)
    shell.git("init", "--quiet", "--initial-branch=main")
    shell.git("config", "--global", "safe.directory", "*")
    shell.git("add", "--all")
    shell.git("commit", "--quiet", "--message", "Start")
    shell.git("push", "--quiet", remote, "main")

    with serving(shell, remote, data) as address:
        shell.gitward("reconcile", "--data", data, "--wait", "--timeout", "60")
        key = shell.gitward("enrollment-key", "create", "--data", data)
        token = shell.gitward("token", "create", "ci", "--role", "viewer", "--data", data)
        uuid, headers = enroll(address, key)
        report(address, headers, now.isoformat())
        access = ("--server", address, "--token", token)
        before = json.loads(shell.gitward("score", uuid, *access, "--format", "json", code=1))

        shell.git("checkout", "--quiet", "-b", "console")
        text = EXCEPTION.format(uuid=uuid, start=now.date(), end=now.date() + timedelta(days=60))
        (work / "exceptions/console.yaml").write_text(text)
        shell.git("add", "--all")
        hooked = shell.run(pre_commit, "try-repo", ROOT, "gitward-validate", "--all-files")
        shell.git("commit", "--quiet", "--message", "Accept telnet on the console server")
        branch = ("plan", "--base", "main", "--head", "console", *access)
        plan = json.loads(shell.gitward(*branch, "--format", "json", code=1))
        comment = shell.gitward(*branch, "--format", "markdown", code=1)
        shell.gitward(*branch, "--deny-weakening", code=1)
        shell.gitward(*branch, "--max-newly-noncompliant", "0")

        proposed = propose(address, shell, data)
        shell.git("checkout", "--quiet", "main")
        shell.git("merge", "--quiet", "--no-ff", "--message", "Merge console", "console")
        shell.git("push", "--quiet", remote, "main")
        shell.gitward("reconcile", *admin(shell, data, address), "--wait", "--timeout", "60")
        after = json.loads(shell.gitward("score", uuid, *access, "--format", "json"))
        revisions = httpx.get(
            f"{address}/api/v1/gitops/revisions", headers={"Authorization": f"Bearer {token}"}
        ).json()["items"]

    assert "Passed" in hooked
    (mover,) = plan["impact"]["agents"]
    assert (mover["before"]["score"], mover["after"]["score"]) == (before["score"], after["score"])
    assert (before["score"], after["score"]) == (66.66, 100)
    assert (before["compliant"], after["compliant"]) == (False, True)
    # The request may find the merge in force already: only the first row has its plan.
    merges = [each["plan_digest"] for each in revisions if each["subject"] == "Merge console"]
    assert merges[-1] == plan["digest"]
    assert plan["exceptions"][0]["author"] == "Ada <ada@example.com>"
    assert "`exception/console`" in comment
    branches = shell.run("git", f"--git-dir={remote}", "log", "--format=%an %s", proposed["branch"])
    assert branches.splitlines()[0] == "ops@example.com Raise the bar"


def admin(shell: Shell, data: Path, address: str) -> tuple[str, ...]:
    token = shell.gitward("token", "create", "ops", "--role", "admin", "--data", data)
    return ("--server", address, "--token", token)


def propose(address: str, shell: Shell, data: Path) -> Any:
    """Send what git's ownership refused back as a proposal."""
    arguments = ("token", "create", "ops@example.com", "--role", "manager", "--data", data)
    headers = {"Authorization": f"Bearer {shell.gitward(*arguments)}"}
    path = f"{address}/api/v1/compliance/policies/linux-servers"
    refused = httpx.put(path, headers=headers, json={"passing_score_threshold": 90})
    assert (refused.status_code, refused.json()["code"]) == (409, "GIT_MANAGED")
    answer = httpx.post(
        f"{address}/api/v1/gitops/proposals",
        headers=headers,
        json={"patch": refused.json()["patch"], "title": "Raise the bar"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()
