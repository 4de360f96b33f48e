"""``gitward plan --server``: a real repository, a real controller over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.cli.runner import Ran, run
from tests.reconcile.repository import Repository

Capture = pytest.CaptureFixture[str]
EXCEPTION = """\
check_id: crit-1
scope: global
reason: Accepted until the vendor answers.
expires_at: 2026-08-01
approved_by: [ada@example.com]
"""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        for name in ("web-01", "web-02"):
            client.enroll(hostname=name).report({"crit-1": "failed", "high-1": "passed"})
        client.enroll(hostname="db-01").report({"crit-1": "passed", "high-1": "passed"})
        yield client
        client.http.close()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.commit(dict(base()))
    return repository


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITWARD_TOKEN", "GITWARD_SERVER"):
        monkeypatch.delenv(name, raising=False)


def plan(capsys: Capture, repository: Repository, api: Api | str, *more: object) -> Ran:
    address = api if isinstance(api, str) else api.address
    token = "none" if isinstance(api, str) else api.controller.tokens["viewer"]
    return run(
        capsys, "plan", "--repo", repository.path, "--server", address, "--token", token, *more
    )


def test_an_exception_shows_machines_scores_and_what_it_hides(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    repository.commit({"exceptions/new.yaml": EXCEPTION})
    ran = plan(capsys, repository, api, "--base", "HEAD~1", "--head", "HEAD", "--format", "json")
    body = json.loads(ran.out)
    impact = body["impact"]

    assert ran.code == 1
    assert (impact["agents_changed"], impact["newly_compliant"]) == (2, 2)
    assert impact["before"]["average_score"] == 55.55
    assert impact["after"]["average_score"] == 100
    assert [each["hostname"] for each in impact["agents"]] == ["web-01", "web-02"]
    assert impact["exceptions"][0]["hides_failing"] == 2
    assert body["exceptions"][0]["commit"] == repository.head
    assert body["exceptions"][0]["author_approves"] is True
    assert body["head"].endswith(repository.head)
    assert body["operations"][0]["fleet"] == {"agents": 3, "failing": 2}


def test_text_and_markdown_say_it_in_words(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    repository.write({"exceptions/new.yaml": EXCEPTION})
    text = plan(capsys, repository, api).out
    markdown = plan(capsys, repository, api, "--format", "markdown").out

    assert "fleet: 2 of 3 machines change; 0 become non-compliant, 2 become compliant" in text
    assert "web-01: 33.33 critical non-compliant -> 100.00 low compliant" in text
    assert "2 of 3 results fail now" in text
    assert markdown.startswith("<!-- gitward:plan -->\n")
    assert "| average score | 55.55 | 100.00 |" in markdown
    assert "**Weakens what is demanded:** `exception/new`" in markdown
    assert "covers 3 machines: `web-01`, `web-02`, `db-01`" in markdown


def test_machines_that_lose_their_score_are_said_apart(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    """Neither compliant nor not: without this a policy that is switched off would look harmless."""
    off = base()["policies/servers.yaml"] + "enabled: false\n"
    repository.write({"policies/servers.yaml": off})
    text = plan(capsys, repository, api).out
    markdown = plan(capsys, repository, api, "--format", "markdown").out
    assert "0 become compliant, 3 lose their score (nothing is left to judge)" in text
    assert "compliant      33.33 % -> none\n" in text
    assert "**3 lose their score** (nothing is left to judge)." in markdown


def test_how_much_of_the_fleet_the_answer_is_complete_for_is_always_said(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    repository.write({"exceptions/new.yaml": EXCEPTION})
    whole = "omplete: it can be said of every machine without a new report"
    assert whole in plan(capsys, repository, api).out
    assert whole in plan(capsys, repository, api, "--format", "markdown").out
    query = base()["checks/base.yaml"].replace("FROM users", "FROM users WHERE uid = 0")
    repository.write({"checks/base.yaml": query})
    assert "complete for 0.00 % of the machines; a new report" in plan(capsys, repository, api).out


STRICT = base()["policies/servers.yaml"].replace("80  # agreed in May", "100")
LOSES = {
    # web-01 and web-02 stay non-compliant; db-01 passed high-1, which its report now fails.
    "checks/base.yaml": base()["checks/base.yaml"].replace(
        "comparison_operator: exists", "comparison_operator: not_exists"
    )
}


@pytest.mark.parametrize(
    ("files", "gates", "code"),
    [
        ({"exceptions/new.yaml": EXCEPTION}, ["--deny-weakening"], 1),
        ({"exceptions/new.yaml": EXCEPTION}, ["--max-newly-noncompliant", "0"], 0),
        ({"exceptions/appliance.yaml": None}, ["--deny-weakening"], 0),
        ({"gitward.yaml": "exceptions: {max_days: 900}\n"}, ["--deny-weakening"], 1),
        ({"policies/servers.yaml": STRICT}, ["--deny-weakening"], 0),
        ({}, ["--deny-weakening", "--max-newly-noncompliant", "0"], 0),
        (LOSES, ["--max-newly-noncompliant", "0"], 1),
        (LOSES, ["--max-newly-noncompliant", "1"], 0),
    ],
)
def test_a_gate_is_zero_when_it_passes_and_one_with_a_reason_when_not(
    capsys: Capture,
    api: Api,
    repository: Repository,
    files: dict[str, str | None],
    gates: list[str],
    code: int,
) -> None:
    (db,) = (a for a in (api.enroll(hostname="db-02"),))
    db.report({}, results=[{"check_id": "high-1", "status": "passed", "rows": [{"state": "a"}]}])
    repository.write(files)
    ran = plan(capsys, repository, api, *gates)
    assert ran.code == code, ran.err
    assert ("refused" in ran.err) == (code == 1)


def test_without_a_token_the_plan_comes_without_the_fleet(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    repository.write({"exceptions/new.yaml": EXCEPTION})
    arguments = ["plan", "--repo", repository.path, "--server", api.address, "--token", ""]
    ran = run(capsys, *arguments, "--format", "json")
    gated = run(capsys, *arguments, "--max-newly-noncompliant", "0")

    assert ran.code == 1
    assert json.loads(ran.out)["impact"] is None
    assert "without the fleet's data" in ran.err
    assert gated.code == 3
    assert "cannot be judged" in gated.err


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (
            404,
            '{"detail": "no such page; /docs lists what there is", "code": "NOT_FOUND"}',
            "older",
        ),
        (403, '{"detail": "an agent cannot do this", "code": "FORBIDDEN"}', "an agent cannot"),
        (401, '{"detail": "the token is unknown", "code": "UNAUTHENTICATED"}', "token is unknown"),
        (200, "<html>welcome</html>", "is it a controller?"),
        (200, '{"operations": [], "impact": null}', "is it as new"),
        (502, "bad gateway", "answered 502"),
    ],
)
def test_a_server_that_refuses_or_is_older_is_one_sentence_and_three(
    capsys: Capture, repository: Repository, status: int, text: str, words: str
) -> None:
    repository.write({"exceptions/new.yaml": EXCEPTION})
    with answering(status, text) as address:
        ran = plan(capsys, repository, address)
    assert ran.code == 3
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_a_server_that_is_not_there_is_one_sentence_and_three(
    capsys: Capture, repository: Repository
) -> None:
    repository.write({"exceptions/new.yaml": EXCEPTION})
    ran = plan(capsys, repository, "http://127.0.0.1:9")
    assert (ran.code, ran.out) == (3, "")
    assert "cannot reach" in ran.err


def test_histories_without_a_common_commit_are_one_sentence_and_three(
    capsys: Capture, repository: Repository
) -> None:
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit({"exceptions/new.yaml": EXCEPTION})
    ran = run(capsys, "plan", "--repo", repository.path, "--base", "main", "--head", "other")
    assert (ran.code, ran.out) == (3, "")
    assert "no common history" in ran.err


def test_what_the_base_gained_since_is_not_shown_as_taken_away(
    capsys: Capture, repository: Repository
) -> None:
    repository.git("checkout", "--quiet", "-b", "change")
    repository.commit({"exceptions/new.yaml": EXCEPTION})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"exceptions/other.yaml": EXCEPTION.replace("crit-1", "med-1")})
    ran = run(
        capsys, "plan", "--repo", repository.path, "--base", "main", "--head", "change",
        "--format", "json",
    )  # fmt: skip
    assert [op["id"] for op in json.loads(ran.out)["operations"]] == ["new"]
    assert "main has moved on" in ran.err


def test_a_plan_against_a_revision_that_is_not_in_force_says_so(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    repository.write({"exceptions/new.yaml": EXCEPTION})
    ran = plan(capsys, repository, api)
    assert "in force is main@sha1:" in ran.err


def test_earlier_acceptances_of_the_same_risk_are_counted(
    capsys: Capture, repository: Repository
) -> None:
    for end in ("2026-02-01", "2026-05-01"):
        repository.commit({"exceptions/new.yaml": EXCEPTION.replace("2026-08-01", end)}, end)
    repository.write({"exceptions/new.yaml": EXCEPTION})
    body = json.loads(run(capsys, "plan", "--repo", repository.path, "--format", "json").out)
    (told,) = body["exceptions"]
    assert [each["expires_at"] for each in told["renewals"]] == [
        "2026-02-01T00:00:00Z",
        "2026-05-01T00:00:00Z",
    ]
    assert told["commit"] is None
    assert told["total_days"] == told["life_days"] == 210.87
