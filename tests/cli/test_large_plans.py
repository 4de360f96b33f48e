"""Plans of many files: all of them fit, or one sentence says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from controller.reconcile.preview import MAX_BYTES
from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.cli.runner import run
from tests.reconcile.repository import Repository

Capture = pytest.CaptureFixture[str]
EXCEPTION = """\
# {padding}
check_id: crit-1
scope: global
reason: Accepted until the vendor answers.
expires_at: 2026-08-{day:02}
"""
PLAN = "/api/v1/gitops/plan"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        client.http.timeout = httpx.Timeout(120)
        client.enroll(hostname="web-01").report({"crit-1": "failed", "high-1": "passed"})
        yield client
        client.http.close()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.commit(dict(base()))
    return repository


def test_a_thousand_changed_files_of_more_than_a_mebibyte_are_one_plan(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    padding = "x" * 2_000
    files = {
        f"exceptions/waiver-{number}.yaml": EXCEPTION.format(padding=padding, day=1 + number % 28)
        for number in range(1_000)
    }
    repository.git("checkout", "--quiet", "-b", "change")
    repository.commit(files)
    repository.git("checkout", "--quiet", "main")
    access = ("--server", api.address, "--token", api.controller.tokens["viewer"])
    branch = ("--repo", repository.path, "--base", "main", "--head", "change")
    ran = run(capsys, "plan", *branch, *access, "--format", "json")

    assert ran.code == 1, ran.err
    body = json.loads(ran.out)
    assert body["counts"]["add"] == 1_000
    assert len(body["impact"]["exceptions"]) == len(body["exceptions"]) == 1_000
    assert {each["hides_failing"] for each in body["impact"]["exceptions"]} == {1}
    assert {each["commit"] for each in body["exceptions"]} == {
        repository.git("rev-parse", "change")
    }


def test_documents_beyond_the_bound_are_refused_in_a_sentence_that_says_what_to_do(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    padding = "\n# ".join(["x" * 1_000] * 240)
    files = {
        f"exceptions/waiver-{number}.yaml": EXCEPTION.format(padding=padding, day=1)
        for number in range(MAX_BYTES // len(padding) + 1)
    }
    repository.write(files)
    access = ("--server", api.address, "--token", api.controller.tokens["viewer"])
    ran = run(capsys, "plan", "--repo", repository.path, *access)
    assert (ran.code, ran.out) == (3, "")
    assert "more than" in ran.err
    assert "merge in smaller steps" in ran.err
    assert ran.err.count("\n") == 1


def test_a_body_is_counted_while_it_arrives_and_no_other_page_takes_so_much(api: Api) -> None:
    """A chunked body has no length to look at."""
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        yield b'{"files": {"policies/a.yaml": "'
        for _ in range(2 * MAX_BYTES // 65_536):
            sent += 65_536
            yield b"x" * 65_536

    for page, limit in ((PLAN, MAX_BYTES), ("/api/v1/compliance/policies", 1024 * 1024)):
        sent = 0
        answer = api.post(page, content=chunks(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert str(limit) in answer.json()["detail"]
        assert sent > limit


def test_the_bound_stands_in_the_api_description(api: Api) -> None:
    described = api.get("/openapi.json").json()["paths"][PLAN]["post"]
    assert described["x-max-body-bytes"] == MAX_BYTES


def test_many_large_requests_at_once_are_all_answered(api: Api) -> None:
    """At most two are held at a time; the others wait for their turn."""
    from concurrent.futures import ThreadPoolExecutor

    text = EXCEPTION.format(padding="x" * 200_000, day=1)
    body = {"files": {f"exceptions/waiver-{number}.yaml": text for number in range(8)}}

    def ask(_: int) -> int:
        with httpx.Client(timeout=120) as client:
            token = api.controller.tokens["viewer"]
            headers = {"Authorization": f"Bearer {token}"}
            return client.post(api.address + PLAN, headers=headers, json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(6))) == {200}
