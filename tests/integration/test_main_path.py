"""From git to score, through the real doors: the command line, git and HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.integration.conftest import POLICY, exception
from tests.integration.served import Agent, Served, gitward, until
from tests.reconcile.repository import Repository

Serve = Callable[..., Served]


def score(client: httpx.Client, agent: Agent) -> dict[str, object]:
    found: dict[str, object] = client.get(f"/compliance/score/agent/{agent.uuid}").json()
    return found


def test_a_pushed_policy_is_in_force_and_scores_follow_without_a_report(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    served = serve(repository.path)
    admin = served.client()
    served.until_applied(admin, repository.head)
    agent = served.enroll()
    agent.report(ssh_root="failed", tmp_nodev="passed")
    assert score(admin, agent)["score"] == 16.66

    head = repository.commit(
        {"policies/servers.yaml": POLICY + "severity_overrides: {ssh-root: low}\n"}, "Less severe"
    )
    served.until_applied(admin, head)

    assert score(admin, agent)["score"] == 50.0
    history = admin.get(f"/compliance/history/agent/{agent.uuid}").json()["points"]
    assert [each["cause"]["kind"] for each in history] == ["enrollment", "report", "commit"]
    assert history[-1]["cause"]["ref"].endswith(head)


def test_a_broken_file_changes_nothing_and_is_named_everywhere(
    repository: Repository, serve: Serve
) -> None:
    served = serve(repository.path)
    admin = served.client()
    served.until_applied(admin, good := repository.head)
    repository.commit({"policies/servers.yaml": POLICY.replace("level_1", "level_9")}, "Oops")

    source = until(lambda: (found := served.source(admin))["problems"] and found, "the problem")

    assert source["last_applied_revision"].endswith(good)
    problem = source["problems"][0]
    assert (problem["path"], problem["line"]) == ("policies/servers.yaml", 3)
    assert admin.get("/compliance/policies/servers").json()["cis_level"] == "level_1"
    shown = gitward("status", "--data", str(served.data), check=False)
    assert shown.returncode == 1
    assert "policies/servers.yaml:3" in shown.stdout
    assert "InvalidConfiguration" in shown.stdout

    fixed = repository.commit({"policies/servers.yaml": POLICY}, "Mend")
    served.until_applied(admin, fixed)
    assert gitward("status", "--data", str(served.data)).returncode == 0


def test_an_exception_ends_at_its_instant_by_itself(repository: Repository, serve: Serve) -> None:
    served = serve(repository.path)
    admin = served.client()
    served.until_applied(admin, repository.head)
    agent = served.enroll()
    agent.report(ssh_root="failed", tmp_nodev="passed")
    ends = datetime.now(UTC) + timedelta(seconds=6)
    head = repository.commit({"exceptions/root.yaml": exception(ends.isoformat())}, "Accept it")
    served.until_applied(admin, head)
    exempted = score(admin, agent)
    assert exempted["score"] == 100.0
    assert exempted["without_exceptions"] == {
        "score": 16.66,
        "risk_level": "medium",
        "compliant": False,
    }

    def counted() -> bool:
        return bool(admin.get("/compliance/stats").json()["average_score"] == 16.66)

    until(counted, "the end of the exception")

    assert datetime.now(UTC) >= ends
    assert score(admin, agent)["score"] == 16.66
    last = admin.get(f"/compliance/history/agent/{agent.uuid}").json()["points"][-1]
    assert (last["cause"]["kind"], last["cause"]["ref"]) == ("exception_end", "root")


def test_an_api_write_against_git_is_refused_with_a_patch_that_keeps_comments(
    repository: Repository, serve: Serve
) -> None:
    served = serve(repository.path)
    admin = served.client()
    served.until_applied(admin, repository.head)

    refused = admin.put("/compliance/policies/servers", json={"passing_score_threshold": 10})
    deleted = admin.delete("/compliance/policies/servers")

    assert (refused.status_code, deleted.status_code) == (409, 409)
    body = refused.json()
    assert body["code"] == "GIT_MANAGED"
    assert body["managed_by"]["path"] == "policies/servers.yaml"
    assert body["managed_by"]["commit"] == repository.head
    assert "-passing_score_threshold: 80  # percent" in body["patch"]
    assert "+passing_score_threshold: 10  # percent" in body["patch"]
    assert admin.get("/compliance/policies/servers").json()["passing_score_threshold"] == 80
    (repository.path / "change.patch").write_text(body["patch"])
    repository.git("apply", "change.patch")
    assert "threshold: 10" in (repository.path / "policies/servers.yaml").read_text()


def test_reports_answered_200_survive_sigkill(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    served = serve(repository.path)
    admin = served.client()
    served.until_applied(admin, repository.head)
    agents = [served.enroll(hostname=f"host-{n}") for n in range(4)]
    acknowledged: dict[str, list[str]] = {agent.uuid: [] for agent in agents}
    some = threading.Semaphore(0)

    def stream(agent: Agent) -> None:
        outcome = "passed"
        while True:
            outcome = "failed" if outcome == "passed" else "passed"
            body = agent.body(**{"ssh-root": outcome})
            try:
                answer = agent.client.post("/compliance/results", json=body)
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                acknowledged[agent.uuid].append(body["report_id"])
                some.release()

    streams = [threading.Thread(target=stream, args=(agent,)) for agent in agents]
    for each in streams:
        each.start()
    for _ in range(60):
        assert some.acquire(timeout=30)
    served.kill()
    for each in streams:
        each.join(30)

    again = serve(repository.path)
    for agent in agents:
        moved = again.agent(agent.uuid, agent.token)
        # One more may be on disk without an answer, and eight ids of a machine are kept.
        for report_id in acknowledged[agent.uuid][-7:]:
            body = moved.body(**{"ssh-root": "passed"}) | {"report_id": report_id}
            answer = moved.client.post("/compliance/results", json=body).json()
            assert answer["duplicate"] is True, report_id


def test_a_second_controller_on_the_same_data_is_refused(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    serve(repository.path)

    second = gitward(
        "serve", "--repo", str(repository.path), "--data", str(tmp_path / "data"), check=False
    )

    assert second.returncode == 3
    assert "another controller uses" in second.stderr


def test_sigterm_ends_the_controller_with_nothing_left_running(
    repository: Repository, serve: Serve
) -> None:
    import psutil

    served = serve(repository.path)
    served.until_applied(served.client(), repository.head)

    assert served.stop() == 0
    ours = [each for each in psutil.Process().children(recursive=True) if each.is_running()]
    assert [each.pid for each in ours if "git" in each.name()] == []
