"""Webhooks through the real doors: a served controller, a repository behind real git over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import POLICY
from tests.integration.served import Served, until
from tests.reconcile.repository import Repository
from tests.source.servers import GitHttp, git_http

Serve = Callable[..., Served]
SECRET = "known-to-the-host-and-to-us"
BODY = json.dumps({"ref": "refs/heads/main"}).encode()
SIGNED = {
    "X-GitHub-Event": "push",
    "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
}


@pytest.fixture
def remote(repository: Repository, tmp_path: Path) -> Iterator[GitHttp]:
    with git_http(tmp_path) as server:
        yield server


def hook(served: Served) -> httpx.Response:
    address = f"{served.url}/api/v1/webhooks/default/github"
    return httpx.post(address, content=BODY, headers=SIGNED, timeout=30)


def test_a_push_is_in_force_by_its_webhook_and_not_by_the_poll(
    repository: Repository, remote: GitHttp, serve: Serve
) -> None:
    served = serve(remote.url(), "--poll-interval", "3600", GITWARD_WEBHOOK_SECRET=SECRET)
    admin = served.client()
    served.until_applied(admin, repository.head)
    for threshold in (70, 60):
        policy = POLICY.replace(": 80 ", f": {threshold} ")
        head = repository.commit({"policies/servers.yaml": policy})
        assert hook(served).status_code == 202
        served.until_applied(admin, head)


def test_a_hook_before_its_push_and_hooks_for_what_is_known_do_no_harm(
    repository: Repository, remote: GitHttp, serve: Serve
) -> None:
    served = serve(remote.url(), "--poll-interval", "3600", GITWARD_WEBHOOK_SECRET=SECRET)
    admin = served.client()
    served.until_applied(admin, repository.head)
    token = hook(served).json()["request_token"]
    until(lambda: served.source(admin)["handled_request"] >= token, "the early hook's pass")
    head = repository.commit({"policies/servers.yaml": POLICY + "description: New.\n"})
    # The host's own hook for it, held back behind the early one for a while, then followed.
    assert hook(served).status_code == 202
    served.until_applied(admin, head)


def test_a_thousand_webhooks_cause_at_most_three_fetches(
    repository: Repository, remote: GitHttp, serve: Serve
) -> None:
    served = serve(remote.url(), "--poll-interval", "3600", GITWARD_WEBHOOK_SECRET=SECRET)
    admin = served.client()
    served.until_applied(admin, repository.head)
    head = repository.commit({"policies/servers.yaml": POLICY + "description: New.\n"})
    asked = len(remote.paths)

    with (
        httpx.Client(base_url=served.url, timeout=30) as client,
        ThreadPoolExecutor(8) as pool,
    ):

        def send(_: int) -> httpx.Response:
            return client.post("/api/v1/webhooks/default/github", content=BODY, headers=SIGNED)

        answers = list(pool.map(send, range(1_000)))
    assert {answer.status_code for answer in answers} == {202}
    newest = max(answer.json()["request_token"] for answer in answers)
    served.until_applied(admin, head)
    until(lambda: served.source(admin)["handled_request"] >= newest, "the last hook's pass")

    conversations = [path for path in remote.paths[asked:] if "info/refs" in path]
    # A fetch is two conversations, one that asks and one that transfers; the rest only asked.
    assert len(conversations) - 1 <= 3


def test_without_a_secret_nothing_is_taken_before_and_after_a_restart(
    repository: Repository, serve: Serve
) -> None:
    for _ in range(2):
        served = serve(repository.path)
        assert hook(served).status_code == 404
        served.stop()
