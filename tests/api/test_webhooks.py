"""Webhooks over real HTTP: who gets in, in which order refusals come, and what becomes of a hint."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.app import create_app
from controller.api.webhooks.providers import PROVIDERS, Provider, is_authentic, read_delivery
from controller.api.webhooks.secrets import secrets_of
from controller.reconcile import operations
from tests.api.documents import base
from tests.api.server import Api, controller, serve

SECRET = "a-secret-that-both-sides-know"
MIB = 1024 * 1024


class Hooks:
    def __init__(self, api: Api, hints: list[str], secrets: list[bytes]) -> None:
        self.api = api
        self.hints = hints
        self.secrets = secrets

    def post(
        self,
        provider: str,
        body: bytes | dict[str, Any] = b"{}",
        *,
        source: str = "default",
        secret: str = SECRET,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = signed(provider, raw, secret) | (headers or {})
        address = f"/api/v1/webhooks/{source}/{provider}"
        return self.api.http.post(address, content=raw, headers=sent)

    def token(self) -> int:
        with self.api.controller.store.read() as reading:
            return reading.reconcile_request("default")


def signed(provider: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers that a host sends with a push."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "github": {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={digest}"},
        "gitlab": {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secret},
        "gitea": {"X-Gitea-Event": "push", "X-Gitea-Signature": digest},
        "bitbucket": {"X-Event-Key": "repo:push", "X-Hub-Signature": f"sha256={digest}"},
        "generic": {"X-Gitward-Signature": f"sha256={digest}"},
    }.get(provider, {})


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    hints: list[str] = []
    secrets = [SECRET.encode()]
    with controller(tmp_path / "data") as made:
        services = replace(
            made.services, hint=hints.append, webhook_secrets=lambda _: tuple(secrets)
        )
        with serve(create_app(services)) as address:
            made.apply(base())
            with made.store.write() as writing:
                status = writing.source("default")
                assert status is not None
                writing.save_source(replace(status, ref="refs/heads/main"))
            api = Api(made, address)
            yield Hooks(api, hints, secrets)
            api.http.close()


PUSHES: dict[str, dict[str, Any]] = {
    "github": {"ref": "refs/heads/main"},
    "gitlab": {"object_kind": "push", "ref": "refs/heads/main"},
    "gitea": {"ref": "refs/heads/main"},
    "bitbucket": {"push": {"changes": [{"new": {"type": "branch", "name": "main"}}]}},
    "generic": {"ref": "refs/heads/main"},
}
ELSEWHERE: dict[str, dict[str, Any]] = {
    "github": {"ref": "refs/heads/topic"},
    "gitlab": {"ref": "refs/heads/topic"},
    "gitea": {"ref": "refs/heads/topic"},
    "bitbucket": {"changes": [{"ref": {"id": "refs/heads/topic"}}]},
    "generic": {"ref": "topic"},
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_push_is_taken_and_asks_for_a_pass(hooks: Hooks, provider: str) -> None:
    answer = hooks.post(provider, PUSHES[provider])

    assert (answer.status_code, answer.json()["result"]) == (202, "accepted")
    assert hooks.hints == ["default"]
    assert answer.json()["request_token"] == hooks.token() == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_push_elsewhere_is_ignored_with_the_reason(hooks: Hooks, provider: str) -> None:
    answer = hooks.post(provider, ELSEWHERE[provider])

    assert (answer.status_code, answer.json()["result"]) == (200, "ignored")
    assert "refs/heads/topic" in answer.json()["detail"]
    assert hooks.hints == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_another_secret_signed_is_refused(hooks: Hooks, provider: str) -> None:
    for headers in (
        {},
        dict.fromkeys(signed(provider, b""), "é"),
        dict.fromkeys(signed(provider, b""), ""),
    ):
        answer = hooks.post(provider, PUSHES[provider], secret="another", headers=_bytes(headers))
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert hooks.hints == []
    assert hooks.token() == 0


def _bytes(headers: dict[str, str]) -> Any:
    return {name: value.encode() for name, value in headers.items()}


@pytest.mark.parametrize(
    ("provider", "headers"),
    [("github", {"X-GitHub-Event": "ping"}), ("bitbucket", {"X-Event-Key": "diagnostics:ping"})],
)
def test_a_ping_tells_that_the_secret_is_right(
    hooks: Hooks, provider: str, headers: dict[str, str]
) -> None:
    answer = hooks.post(provider, headers=headers)

    assert (answer.status_code, answer.json()["result"]) == (200, "pong")
    assert hooks.hints == []


def test_refusals_come_in_the_documented_order(hooks: Hooks) -> None:
    """Each request has every fault that comes later, too."""
    huge = b"x" * (MIB + 1)
    address = "/api/v1/webhooks/nobody/github"
    assert hooks.api.http.get(address).status_code == 405
    assert hooks.api.http.get(address).headers["allow"] == "POST"
    assert hooks.post("github", huge, source="nobody", secret="wrong").status_code == 413
    assert hooks.post("github", source="nobody", secret="wrong").status_code == 401
    assert (
        hooks.post("github", source="nobody", headers={"X-GitHub-Event": "ping"}).status_code == 404
    )
    operations.suspend(
        hooks.api.controller.store, "default", "a freeze", None, "ada", hooks.api.controller.clock()
    )
    assert hooks.post("github", headers={"X-GitHub-Event": "ping"}).status_code == 200
    assert hooks.post("github", ELSEWHERE["github"]).status_code == 200
    noted = hooks.post("github", PUSHES["github"])
    assert (noted.status_code, noted.json()["result"]) == (202, "suspended")
    assert noted.json()["request_token"] == hooks.token()


def test_without_a_secret_the_address_does_not_exist(hooks: Hooks) -> None:
    hooks.secrets.clear()
    for secret in (SECRET, ""):
        assert hooks.post("github", PUSHES["github"], secret=secret).status_code == 404
        assert hooks.post("gitlab", PUSHES["gitlab"], secret=secret).status_code == 404
    assert hooks.hints == []


def test_two_secrets_are_good_during_a_rotation(hooks: Hooks) -> None:
    hooks.secrets.append(b"the-new-one")
    assert hooks.post("github", PUSHES["github"], secret="the-new-one").status_code == 202
    assert hooks.post("github", PUSHES["github"]).status_code == 202
    hooks.secrets.remove(SECRET.encode())
    assert hooks.post("github", PUSHES["github"]).status_code == 401


def test_a_delivery_sent_again_is_known(hooks: Hooks) -> None:
    id_ = {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    assert hooks.post("github", PUSHES["github"], headers=id_).status_code == 202
    again = hooks.post("github", PUSHES["github"], headers=id_)
    assert (again.status_code, again.json()["result"]) == (200, "duplicate")
    assert hooks.hints == ["default"]
    other_host = {"Idempotency-Key": id_["X-GitHub-Delivery"]}
    assert hooks.post("gitlab", PUSHES["gitlab"], headers=other_host).status_code == 202


def test_an_event_that_is_no_push_is_ignored_by_name(hooks: Hooks) -> None:
    answer = hooks.post("github", headers={"X-GitHub-Event": "star"})
    assert (answer.status_code, answer.json()["result"]) == (200, "ignored")
    assert "'star'" in answer.json()["detail"]


def test_the_payload_never_chooses_the_source(hooks: Hooks) -> None:
    body = {"ref": "refs/heads/main", "source": "other", "repository": {"full_name": "evil/repo"}}
    assert hooks.post("github", body).json()["source"] == "default"
    assert hooks.hints == ["default"]


def test_a_form_is_read_as_github_sends_it(hooks: Hooks) -> None:
    body = b"payload=" + quote(json.dumps(ELSEWHERE["github"])).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert hooks.post("github", body, headers=form).json()["result"] == "ignored"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 200_000, b'{"ref": {"a": 1}}',
        b'{"ref": null, "commits": 5}', b'{"push": null}', b'{"push": {"changes": null}}',
        b'{"push": {"changes": [null]}}', b'{"push": {"changes": [{"new": null, "old": []}]}}',
        b'{"changes": [{"ref": {"id": 5}}], "links": "x"}', b'{"repository": null}',
    ],
)  # fmt: skip
def test_a_signed_payload_that_makes_no_sense_is_still_a_hint(hooks: Hooks, body: bytes) -> None:
    for provider in PROVIDERS:
        assert hooks.post(provider, body).status_code == 202


def test_a_thousand_hooks_at_once_are_all_answered_and_one_address_stays_free(hooks: Hooks) -> None:
    with httpx.Client(base_url=hooks.api.address, timeout=30) as client:
        body = json.dumps(PUSHES["github"]).encode()
        headers = signed("github", body)
        answers = [
            client.post("/api/v1/webhooks/default/github", content=body, headers=headers)
            for _ in range(1_000)
        ]
    assert {answer.status_code for answer in answers} == {202}
    assert hooks.api.get("/api/v1/gitops/status").status_code == 200


def test_an_endless_body_is_cut_at_a_mebibyte_without_growth_of_memory(hooks: Hooks) -> None:
    process = psutil.Process()
    parts = urlsplit(hooks.api.address)
    before = process.memory_info().rss
    sent = 0
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=20) as connection:
        connection.sendall(
            b"POST /api/v1/webhooks/default/github HTTP/1.1\r\nHost: x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            while sent < 10 * 1024 * MIB:
                connection.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass  # the controller has hung up
    assert sent < 64 * MIB
    assert process.memory_info().rss - before < 32 * MIB
    assert hooks.api.http.get("/healthz").status_code == 200


def test_a_body_that_says_it_is_huge_is_refused_before_it_is_read(hooks: Hooks) -> None:
    parts = urlsplit(hooks.api.address)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=20) as connection:
        connection.sendall(
            b"POST /api/v1/webhooks/default/github HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 10737418240\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_results_are_counted_for_prometheus(hooks: Hooks) -> None:
    hooks.post("github", PUSHES["github"])
    hooks.post("github", PUSHES["github"], secret="wrong")
    hooks.api.http.post("/api/v1/webhooks/default/nonsense", content=b"")
    text = hooks.api.get("/metrics").text
    assert 'gitward_webhooks_total{provider="github",result="accepted"} 1.0' in text
    assert 'gitward_webhooks_total{provider="github",result="unauthenticated"} 1.0' in text
    assert 'gitward_webhooks_total{provider="other",result="unknown"} 1.0' in text


WORDS = st.text(max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("x-hub-signature-256", "x-hub-signature", "x-gitlab-token", "x-gitea-signature"),
            *("x-gitward-signature", "x-github-event", "x-gitlab-event", "x-event-key"),
            *("content-type", "x-github-delivery", "idempotency-key"),
        ]
    ),
    WORDS | st.sampled_from(["push", "Push Hook", "System Hook", "repo:push", "sha256="]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ref", "refs", "push", "changes", "new", "old", "id", "name", "type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(PROVIDERS),
    HEADERS,
    st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()),
)
def test_no_bytes_and_no_headers_can_make_reading_fail(
    provider: Provider, headers: dict[str, str], body: bytes
) -> None:
    told = read_delivery(provider, headers, body)
    assert all(ref.startswith("refs/") for ref in told.refs) or provider == "gitlab"
    assert len(told.id) <= 128
    assert not is_authentic(provider, headers, body, [b"nobody knows this"])
    assert not is_authentic(provider, headers, body, [])


def test_a_sources_own_secret_wins_and_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    environment = {"GITWARD_WEBHOOK_SECRET": "all", "GITWARD_WEBHOOK_SECRET_TEAM_A": "own old"}
    assert secrets_of("other", environment) == (b"all",)
    assert secrets_of("team-a", environment) == (b"own", b"old")
    environment["GITWARD_WEBHOOK_SECRET_TEAM_A_FILE"] = str(file)
    assert secrets_of("team-a", environment) == ()
    file.write_text("new\nold\n")
    assert secrets_of("team-a", environment) == (b"new", b"old")
    file.write_text("new\n")
    assert secrets_of("team-a", environment) == (b"new",)
    assert secrets_of("file", {"GITWARD_WEBHOOK_SECRET_FILE": str(tmp_path / "none")}) == ()
    assert secrets_of("team-a", {}) == ()
