"""Two controllers on one data folder: one writes, whatever became of the lock and of the clock."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.integration.conftest import POLICY
from tests.integration.served import DEADLINE, Served, gitward
from tests.reconcile.repository import Repository

Serve = Callable[..., Served]


def test_a_controller_that_wakes_after_another_took_over_writes_nothing_and_ends(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    first = serve(repository.path)
    agent = first.enroll()
    first.until_applied(first.client(), repository.head)
    agent.report(ssh_root="passed")
    first.process.send_signal(signal.SIGSTOP)
    # It still holds the lock; somebody takes the file for a leftover and removes it.
    (tmp_path / "data/lock").unlink()
    second = serve(repository.path)
    admin = second.client()
    second.agent(agent.uuid, agent.token).report(ssh_root="passed", tmp_nodev="passed")
    head = repository.commit({"policies/servers.yaml": POLICY + "description: New.\n"})
    before = admin.get(f"/compliance/score/agent/{agent.uuid}").json()

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(post, agent.client, agent.body(**{"ssh-root": "failed"}))
        first.process.send_signal(signal.SIGCONT)
        assert first.process.wait(DEADLINE) == 5
        assert late.result() != 200

    told = "".join(first.errors).splitlines()
    assert any(
        line.startswith("gitward serve: another controller (process ")
        and f"process {second.process.pid} on " in line
        for line in told
    ), told
    assert "Traceback" not in "".join(first.errors)
    assert admin.get(f"/compliance/score/agent/{agent.uuid}").json() == before
    assert gitward("verify", "--data", str(tmp_path / "data")).returncode == 0
    # The mirror was the first one's until its end; nothing has to be done for the second to have it.
    second.until_applied(admin, head)


def test_a_controller_that_has_nothing_to_do_notices_too(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    first = serve(repository.path, "--poll-interval", "3600")
    first.until_applied(first.client(), repository.head)
    (tmp_path / "data/lock").unlink()
    serve(repository.path)
    assert first.process.wait(DEADLINE) == 5


def test_the_refusal_names_the_process_that_holds_the_folder(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    first = serve(repository.path)
    first.process.send_signal(signal.SIGSTOP)
    try:
        second = gitward(
            "serve", "--repo", str(repository.path), "--data", str(tmp_path / "data"), check=False
        )
    finally:
        first.process.send_signal(signal.SIGCONT)
    assert second.returncode == 3
    assert f"(process {first.process.pid} on " in second.stderr


def test_after_a_kill_the_next_controller_starts_at_once(
    repository: Repository, serve: Serve
) -> None:
    first = serve(repository.path)
    first.until_applied(first.client(), repository.head)
    first.kill()
    second = serve(repository.path)
    assert second.source(second.client())["last_applied_revision"].endswith(repository.head)


def post(client: httpx.Client, body: dict[str, object]) -> int:
    """The status, 0 when there was no answer."""
    try:
        return client.post("/compliance/results", json=body).status_code
    except httpx.HTTPError:
        return 0
