"""The same commands over HTTP, against a real controller in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.cli.runner import Ran, run
from tests.reconcile.repository import Repository, base, policy

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    url: str
    token: str
    viewer: str
    repository: Repository


def gitward(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "controller", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("remote")
    repository = Repository(folder / "repository")
    repository.commit(base())
    data = folder / "data"
    token = gitward("token", "create", "ada", "--role", "admin", "--data", data)
    viewer = gitward("token", "create", "bob", "--role", "viewer", "--data", data)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "controller", "serve", "--repo", repository.path,
            "--data", data, "--port", "0",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        url = ""
        for line in process.stdout:
            if found := re.search(r"listening on (http://\S+)", line):
                url = found[1]
                break
        assert url
        yield Server(url, token, viewer, repository)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def at(capsys: Capture, server: Server, *arguments: str, token: str | None = None) -> Ran:
    return run(capsys, *arguments, "--server", server.url, "--token", token or server.token)


def test_reconcile_waits_and_status_follows(capsys: Capture, server: Server) -> None:
    sha = server.repository.commit({"policies/laptops.yaml": policy("Portable")})
    waited = at(capsys, server, "reconcile", "--wait", "--timeout", "60")
    assert waited.code == 0
    assert f"main@sha1:{sha}" in waited.out
    ran = at(capsys, server, "status")
    assert (ran.code, ran.out) == (0, waited.out)


def test_a_broken_commit_is_told_and_its_fix_taken(capsys: Capture, server: Server) -> None:
    server.repository.commit({"policies/bad.yaml": "name: [\n"})
    ran = at(capsys, server, "reconcile", "--wait", "--timeout", "60")
    assert ran.code == 1
    assert "policies/bad.yaml:" in ran.out
    server.repository.commit({"policies/bad.yaml": None})
    assert at(capsys, server, "reconcile", "--wait", "--timeout", "60").code == 0


def test_a_held_plan_is_confirmed_from_afar(capsys: Capture, server: Server) -> None:
    server.repository.commit({"policies/core.yaml": policy("Core", protect=True)})
    at(capsys, server, "reconcile", "--wait", "--timeout", "60")
    server.repository.commit({"policies/core.yaml": None})
    held = at(capsys, server, "reconcile", "--wait", "--timeout", "60")
    assert held.code == 1
    digest = re.search(r"held +([0-9a-f]{64})", held.out)
    assert digest is not None
    assert at(capsys, server, "confirm", "0" * 64).code == 3
    assert at(capsys, server, "confirm", digest[1]).code == 0
    assert at(capsys, server, "reconcile", "--wait", "--timeout", "60").code == 0


def test_a_source_is_suspended_and_resumed_from_afar(capsys: Capture, server: Server) -> None:
    ran = at(capsys, server, "suspend", "--reason", "Audit week", "--until", "2d")
    assert ran.code == 0
    assert "Audit week" in at(capsys, server, "status").out
    assert at(capsys, server, "resume", "--source", "default").code == 0
    assert "Audit week" not in at(capsys, server, "status").out


@pytest.mark.parametrize("kind", ["policies", "checks", "exceptions", "machines"])
def test_lists_have_the_form_of_the_local_ones(capsys: Capture, server: Server, kind: str) -> None:
    ran = at(capsys, server, "get", kind)
    assert ran.code == 0
    assert ran.out.split()[0] in {"ID", "HOSTNAME"}
    body = json.loads(at(capsys, server, "get", kind, "--format", "json").out)
    assert body["total"] == len(body["items"])


def test_credentials_are_made_listed_and_revoked(capsys: Capture, server: Server) -> None:
    made = at(capsys, server, "token", "create", "eve", "--role", "viewer", "--expires", "30d")
    secret = made.out.strip()
    assert at(capsys, server, "status", token=secret).code == 0
    listed = json.loads(at(capsys, server, "token", "list", "--format", "json").out)
    (id_,) = [each["id"] for each in listed["items"] if each["name"] == "eve"]
    assert at(capsys, server, "token", "revoke", id_).code == 0
    refused = at(capsys, server, "status", token=secret)
    assert refused.code == 3
    assert "revoked" in refused.err

    key = at(capsys, server, "enrollment-key", "create", "--tag", "lab", "--uses", "2")
    assert (key.code, len(key.out.split())) == (0, 1)
    keys = json.loads(at(capsys, server, "enrollment-key", "list", "--format", "json").out)
    assert [each["tags"] for each in keys["items"]] == [["lab"]]
    assert at(capsys, server, "enrollment-key", "revoke", keys["items"][0]["id"]).code == 0


def test_a_viewer_may_look_and_not_act(capsys: Capture, server: Server) -> None:
    assert at(capsys, server, "get", "policies", token=server.viewer).code == 0
    refused = at(capsys, server, "reconcile", token=server.viewer)
    assert refused.code == 3
    assert server.viewer not in refused.err


def test_a_score_lists_what_fails(capsys: Capture, server: Server) -> None:
    key = at(capsys, server, "enrollment-key", "create").out.strip()
    claim = {"hostname": "db-07", "os": "linux", "arch": "x86_64", "agent_version": "1"}
    with httpx.Client(base_url=server.url) as client:
        register = client.post(
            "/api/v1/enrollment/register", json=claim, headers={"X-Registration-Key": key}
        )
        agent = {"Authorization": f"Bearer {register.json()['agent_token']}"}
        report = {
            "report_id": str(uuid4()),
            "collected_at": datetime.now(UTC).isoformat(),
            "results": [{"check_id": "two", "status": "failed"}],
        }
        taken = client.post("/api/v1/compliance/results", json=report, headers=agent)
    assert taken.status_code == 200, taken.text
    ran = at(capsys, server, "score", "db-07")
    assert any(line.split()[1:3] == ["two", "failed"] for line in ran.out.splitlines())


def test_an_unknown_machine_is_said(capsys: Capture, server: Server) -> None:
    ran = at(capsys, server, "score", "nobody")
    assert ran.code == 3
    assert "no machine 'nobody'" in ran.err


def test_nobody_at_the_address_is_said_in_a_sentence(capsys: Capture) -> None:
    ran = run(capsys, "status", "--server", "http://127.0.0.1:9", "--token", "x")
    assert ran.code == 3
    assert "cannot reach http://127.0.0.1:9" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--server", "http://127.0.0.1:9"),
        ("--server", "ftp://127.0.0.1", "--token", "x"),
        ("--server", "http://controller.example.com", "--token", "x"),
        ("--server", "nowhere", "--token", "x"),
    ],
)
def test_a_token_is_needed_and_never_sent_readable(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.delenv("GITWARD_TOKEN", raising=False)
    ran = run(capsys, "status", *arguments)
    assert ran.code == 2
    assert ran.err


def test_what_happened_is_told_over_http_too(capsys: Capture, server: Server) -> None:
    there = ("--server", server.url, "--token", server.viewer)
    assert (
        "declared   policies/laptops.yaml:1" in run(capsys, "trace", "policy/laptops", *there).out
    )
    assert "applied" in run(capsys, "history", *there).out
    assert "Applied" in run(capsys, "events", *there).out
    assert json.loads(run(capsys, "events", "--dead", *there, "--format", "json").out) == []
    assert run(capsys, "events", "--retry", "1", *there).code == 3
