"""The shell steps of the action and of the workflows that ``init`` writes, run as their hosts run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.cli.main import main
from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.cli.comment_host import Host, hosting
from tests.reconcile.repository import Repository

ROOT = Path(__file__).parents[2]
TODAY = datetime.now(UTC)
"""The commands that the steps run know no other time."""
EXCEPTION = f"""\
check_id: crit-1
scope: global
reason: Accepted until the vendor answers.
starts_at: {TODAY.date()}
expires_at: {TODAY.date() + timedelta(days=60)}
owner: ops@example.com
"""
BASE = {path: text for path, text in base().items() if not path.startswith("exceptions/")}
NAME = re.compile(r"\b(?:inputs|github|vars|secrets)(?:\.[a-z_-]+)+", re.IGNORECASE)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.clock.now = TODAY
        made.apply(BASE)
        client = Api(made, address)
        for name in ("web-01", "@everyone"):
            client.enroll(hostname=name).report({"crit-1": "failed", "high-1": "passed"})
        yield client
        client.http.close()


@dataclass
class Job:
    """A machine of a host, with a repository checked out."""

    folder: Path
    repository: Repository
    host: Host
    api_url: str
    server: str
    token: str
    context: dict[str, str] = field(default_factory=dict)
    summary: str = ""

    def shell(self, script: str, environment: Mapping[str, str], *shell: str) -> tuple[int, str]:
        done = subprocess.run(
            [*shell, "-c", script], cwd=self.repository.path, check=False, capture_output=True,
            text=True, timeout=120, env={**self.environment(), **environment},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def environment(self) -> dict[str, str]:
        event = self.folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 3}}))
        return {
            "PATH": f"{self.folder / 'gitward/bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.api_url,
            "GITHUB_REPOSITORY": "team/policies",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }

    def steps(self, steps: list[dict[str, Any]], *shell: str) -> dict[str, tuple[int, str]]:
        """Run the named steps up to the first that fails; by name what became of each."""
        found: dict[str, tuple[int, str]] = {}
        for step in steps:
            if "run" not in step or "pip" in step["run"] or not self.wanted(step.get("if")):
                continue
            environment = {key: self.filled(value) for key, value in step.get("env", {}).items()}
            found[step["name"]] = self.shell(step["run"], environment, *shell)
            if found[step["name"]][0] != 0:
                break
        return found

    def value(self, name: str) -> str:
        return self.context.get(name, "")

    def filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: self.value(found[1]), text)

    def wanted(self, condition: str | None) -> bool:
        if condition is None:
            return True
        told = NAME.sub(lambda found: repr(self.value(found[0])), condition)
        return bool(eval(told.replace("&&", " and ").replace("||", " or ")))  # noqa: S307


@pytest.fixture
def job(tmp_path: Path, api: Api) -> Iterator[Job]:
    folder = tmp_path / "runner"
    program = folder / "gitward/bin/gitward"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m controller "$@"\n')
    program.chmod(0o755)
    repository = Repository(tmp_path / "checkout")
    repository.commit(dict(BASE))
    with hosting() as (host, api_url):
        token = api.controller.tokens["viewer"]
        job = Job(folder, repository, host, api_url, api.address, token)
        job.context = {
            "github.event_name": "pull_request",
            "github.event.pull_request.base.sha": repository.head,
            "github.event.pull_request.head.repo.full_name": "team/policies",
            "github.repository": "team/policies",
            "github.token": "job-token",
            "vars.GITWARD_SERVER": api.address,
            "secrets.GITWARD_TOKEN": token,
        }
        yield job


def action(job: Job, **inputs: str) -> dict[str, tuple[int, str]]:
    described = yaml.safe_load((ROOT / "action.yml").read_text())
    for name, each in described["inputs"].items():
        job.context[f"inputs.{name}"] = job.filled(each["default"])
    given = {"server": job.server, "token": job.token} | inputs
    job.context |= {f"inputs.{name.replace('_', '-')}": value for name, value in given.items()}
    return job.steps(
        described["runs"]["steps"], "bash", "--noprofile", "--norc", "-e", "-o", "pipefail"
    )


def test_the_action_validates_plans_summarises_and_comments(job: Job) -> None:
    job.repository.commit({"exceptions/new.yaml": EXCEPTION})
    ran = action(job)
    assert {name: code for name, (code, _) in ran.items()} == {
        "Validate": 0,
        "Plan": 0,
        "Comment": 0,
    }, ran
    (comment,) = job.host.bodies()
    assert "2 become compliant" in comment
    assert "`@everyone`" in comment
    assert (job.folder / "summary.md").read_text().strip() == comment.strip()
    assert job.host.seen_tokens == {"Bearer job-token"}
    assert action(job)["Comment"][0] == 0
    assert len(job.host.comments) == 1


def test_the_actions_gates_fail_the_job_after_the_comment_is_written(job: Job) -> None:
    job.repository.commit({"exceptions/new.yaml": EXCEPTION})
    weaker = action(job, deny_weakening="true")
    assert weaker["Gate"][0] == 1
    assert "refused: weakens what is demanded: exception/new" in weaker["Gate"][1]
    assert len(job.host.comments) == 1
    assert action(job, max_newly_noncompliant="0")["Gate"][0] == 0


def test_the_action_points_at_a_wrong_line_of_a_repository_in_a_folder(job: Job) -> None:
    inside = {f"sub folder/{path}": text for path, text in BASE.items()}
    job.repository.commit({**dict.fromkeys(BASE), **inside})
    job.context["github.event.pull_request.base.sha"] = job.repository.head
    job.repository.commit({"sub folder/policies/new.yaml": "name: X\ncis_level: level_9\n"})
    code, said = action(job, path="sub folder")["Validate"]
    assert code == 1
    assert "::error file=sub folder/policies/new.yaml,title=gitward GW204,line=2" in said
    job.repository.commit(
        {"sub folder/policies/new.yaml": None, "sub folder/exceptions/new.yaml": EXCEPTION}
    )
    assert [code for code, _ in action(job, path="sub folder").values()] == [0, 0, 0]
    assert "`exception/new`" in job.host.bodies()[0]


def test_a_fork_gets_its_plan_without_the_fleet_and_without_a_comment(job: Job) -> None:
    job.repository.commit({"exceptions/new.yaml": EXCEPTION})
    job.context["github.event.pull_request.head.repo.full_name"] = "stranger/policies"
    ran = action(job, server="", token="")
    assert [*ran] == ["Validate", "Plan"]
    assert "Without the fleet's data" in (job.folder / "summary.md").read_text()
    assert job.host.comments == []


def test_a_server_that_is_not_there_fails_the_job_with_a_sentence(job: Job) -> None:
    job.repository.commit({"exceptions/new.yaml": EXCEPTION})
    ran = action(job, server="http://127.0.0.1:9")
    assert ran["Plan"][0] != 0
    assert "gitward plan: cannot reach http://127.0.0.1:9" in ran["Plan"][1]
    assert "Comment" not in ran


@pytest.fixture
def scaffold(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "scaffold")]) == 0
    return tmp_path / "scaffold"


def test_the_github_workflow_of_init_comments_the_plan(job: Job, scaffold: Path) -> None:
    workflow = yaml.safe_load((scaffold / ".github/workflows/gitward.yml").read_text())
    job.repository.commit({"exceptions/new.yaml": EXCEPTION})
    ran = job.steps(workflow["jobs"]["review"]["steps"], "bash", "-e")
    assert [code for code, _ in ran.values()] == [0, 0, 0], ran
    assert "2 become compliant" in job.host.bodies()[0]
    assert (job.folder / "summary.md").read_text().startswith("<!-- gitward:plan -->")

    job.context |= {"vars.GITWARD_SERVER": "", "secrets.GITWARD_TOKEN": ""}
    ran = job.steps(workflow["jobs"]["review"]["steps"], "bash", "-e")
    assert [code for code, _ in ran.values()] == [0, 0, 0], ran
    assert "Without the fleet's data" in job.host.bodies()[0]


def gitlab(job: Job, scaffold: Path, **more: str) -> tuple[int, str]:
    described = yaml.safe_load((scaffold / ".gitlab-ci.yml").read_text())["gitward"]
    environment = {
        "GITHUB_ACTIONS": "",
        "GITLAB_CI": "true",
        "CI_API_V4_URL": job.api_url,
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_MERGE_REQUEST_PROJECT_URL": "https://host.example/p",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": job.context["github.event.pull_request.base.sha"],
        **more,
    }
    return job.shell("\n".join(described["script"]), environment, "bash", "-e", "-o", "pipefail")


def test_the_gitlab_template_of_init_comments_the_plan_and_reports_quality(
    job: Job, scaffold: Path
) -> None:
    job.repository.commit({"exceptions/new.yaml": EXCEPTION})
    access = {"GITWARD_SERVER": job.server, "GITWARD_TOKEN": job.token}
    code, said = gitlab(job, scaffold, **access, GITLAB_TOKEN="secret")
    assert code == 0, said
    assert "2 become compliant" in job.host.bodies()[0]
    assert json.loads((job.repository.path / "gitward-quality.json").read_text()) == []

    code, said = gitlab(job, scaffold)
    assert code == 0, said
    assert "Without the fleet's data" in said
    assert len(job.host.comments) == 1

    job.repository.commit({"policies/new.yaml": "name: X\ncis_level: level_9\n"})
    code, said = gitlab(job, scaffold, **access)
    assert code == 1
    assert "policies/new.yaml:2:12: GW204" in said
    (first, *_) = json.loads((job.repository.path / "gitward-quality.json").read_text())
    assert first["location"]["path"] == "policies/new.yaml"
