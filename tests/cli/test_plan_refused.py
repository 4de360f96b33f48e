"""A server that is older, refuses, is slow, or is something else: one sentence, exit code 3, nothing
written."""

from __future__ import annotations

import itertools
import json
import socket
import sqlite3
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.cli.access import exchange, remote
from controller.cli.commands.plan import RENDERERS
from controller.cli.review.plan_gate import gate
from controller.cli.review.plan_shape import is_plan
from tests.api.documents import base
from tests.api.server import Api, controller, serve
from tests.cli.runner import Ran, run
from tests.reconcile.repository import Repository
from tests.source.servers import black_hole

Capture = pytest.CaptureFixture[str]
SECRET = "secret-canary"
CHANGE: dict[str, str | None] = {
    "policies/servers.yaml": base()["policies/servers.yaml"].replace("80", "70")
}


EXCEPTION = """\
check_id: crit-1
scope: global
reason: Accepted until the vendor answers.
expires_at: 2026-08-01
"""
LINEAGE: dict[str, Any] = {
    "life_days": 61,
    "commit": None,
    "author": None,
    "renewals": [],
    "total_days": 61,
    "author_approves": False,
}
"""What git alone knows of an exception, which the command line adds."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        client.enroll(hostname="web-01").report({"crit-1": "failed", "high-1": "passed"})
        yield client
        client.http.close()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.commit(dict(base()))
    repository.write(CHANGE)
    return repository


def plan(capsys: Capture, repository: Repository, server: str, token: str = SECRET) -> Ran:
    return run(capsys, "plan", "--repo", repository.path, "--server", server, "--token", token)


@contextmanager
def raw(answer: bytes) -> Iterator[str]:
    """A server that reads a request and sends these bytes, whatever was asked."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65_536)
                head, _, body = request.partition(b"\r\n\r\n")
                length = int((head.lower().partition(b"content-length:")[2].split() or [b"0"])[0])
                while len(body) < length:
                    body += connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join(30)


def http(status: int, body: object, *, more: str = "") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + text


def refusal(status: int, detail: str, code: str, **more: object) -> bytes:
    return http(status, {"detail": detail, "status": "error", "code": code, **more})


UNKNOWN_FIELD = [{"field": "movers", "message": "Extra inputs are not permitted"}]
ANSWERS: dict[str, tuple[bytes, str]] = {
    "older: no such page": (refusal(404, "no such page; /docs lists", "NOT_FOUND"), "is older"),
    "older: no such method": (refusal(405, "not allowed here", "METHOD"), "is older"),
    "older: a field it does not know": (
        refusal(422, "not valid", "REJECTED", errors=UNKNOWN_FIELD),
        "is older",
    ),
    "forbidden": (refusal(403, "an agent cannot do this", "FORBIDDEN"), "an agent cannot do this"),
    "conflict": (refusal(409, "it is suspended", "CONFLICT"), "it is suspended"),
    "too many": (refusal(429, "more than 600 a minute", "RATE_LIMITED"), "more than 600 a minute"),
    "another program's 404": (http(404, {"detail": "Not Found"}), "answered 404; is it a"),
    "a redirection": (http(302, b"", more="Location: http://127.0.0.1:9/\r\n"), "answered 302"),
    "a page": (http(200, b"<html>sign in</html>"), "is it a controller?"),
    "nothing": (http(204, b""), "no plan"),
    "a list": (http(200, []), "is it a controller?"),
    "brackets without end": (http(200, b"[" * 200_000), "is it a controller?"),
    "cut off": (http(200, b"{" + b" " * 99)[:-50], "no whole answer"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "no whole answer"),
    "silence": (b"", "no whole answer"),
    "not packed": (http(200, b"{}", more="Content-Encoding: gzip\r\n"), "cannot be unpacked"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_plan_is_one_sentence_and_three(
    capsys: Capture, repository: Repository, name: str
) -> None:
    answer, words = ANSWERS[name]
    with raw(answer) as address:
        ran = plan(capsys, repository, address)
    assert (ran.code, ran.out) == (3, "")
    assert words in ran.err
    assert ran.err.splitlines()[-1].startswith("gitward plan: ")
    assert SECRET not in ran.err


def test_a_servers_words_cannot_steer_the_terminal_or_fill_it(
    capsys: Capture, repository: Repository
) -> None:
    with raw(refusal(403, "no\x1b[2J\r\nroot# \u202e" + "x" * 9_000, "X")) as address:
        ran = plan(capsys, repository, address)
    assert ran.code == 3
    assert ran.err.count("\n") == 1
    assert ran.err.rstrip("\n").isprintable()
    assert len(ran.err) < 1_200


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    capsys: Capture, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = itertools.count(0, 3_600)
    monkeypatch.setattr(exchange, "monotonic", lambda: float(next(hours)))
    with raw(http(200, {"operations": []})) as address:
        ran = plan(capsys, repository, address)
    assert ran.code == 3
    assert "does not answer in time" in ran.err


def test_a_server_that_never_answers_is_given_up(
    capsys: Capture, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PLAN_SECONDS", 0.2)
    with black_hole() as port:
        ran = plan(capsys, repository, f"http://127.0.0.1:{port}")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.endswith("does not answer in time; try again later\n")


def test_a_revoked_token_is_one_sentence_and_three(
    capsys: Capture, api: Api, repository: Repository
) -> None:
    listed = api.get("/api/v1/tokens").json()["items"]
    (viewer,) = (each["id"] for each in listed if each["role"] == "viewer")
    assert api.delete(f"/api/v1/tokens/{viewer}").status_code == 204
    ran = plan(capsys, repository, api.address, api.controller.tokens["viewer"])
    assert (ran.code, ran.out) == (3, "")
    assert "unknown, expired or revoked; ask for a new one" in ran.err
    assert ran.err.count("\n") == 1


def test_a_busy_controller_is_asked_again_until_it_answers(
    capsys: Capture, api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    ask = exchange.Exchange.send
    busy = refusal(503, "scores are still being brought to main", "TRY_LATER")

    def answer(self: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(arguments[1])
        if len(asked) < 4:
            return exchange.Answer(503, busy.partition(b"\r\n\r\n")[2])
        return ask(self, *arguments, **options)

    monkeypatch.setattr(exchange.Exchange, "send", answer)
    ran = plan(capsys, repository, api.address, api.controller.tokens["viewer"])
    assert (ran.code, len(asked)) == (1, 4)


def test_an_answer_without_an_end_is_given_up(
    capsys: Capture, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "MOST_BYTES", 1_000)
    with raw(http(200, b"x" * 5_000)) as address:
        ran = plan(capsys, repository, address)
    assert ran.code == 3
    assert "answers more than 1000 bytes" in ran.err


def damaged(body: Any) -> Iterator[Any]:
    """The body with one thing missing or of another type, at every place where there is one."""
    if isinstance(body, dict):
        for key in body:
            yield {other: value for other, value in body.items() if other != key}
            yield {**body, key: [["wrong"]]}
            for inner in damaged(body[key]):
                yield {**body, key: inner}
    if isinstance(body, list) and body:
        for inner in damaged(body[0]):
            yield [inner, *body[1:]]


def test_a_plan_with_anything_missing_or_of_another_type_is_refused_or_printed(api: Api) -> None:
    """Older and newer controllers: what the command line prints is checked, the rest is ignored."""
    files = {"exceptions/new.yaml": EXCEPTION, **CHANGE}
    body = api.post("/api/v1/gitops/plan", json={"files": files}, role="viewer").json()
    assert is_plan(body)
    assert body["impact"]["agents"]
    printed = refused = 0
    for found in damaged(body):
        if is_plan(found):
            printed += 1
            found["exceptions"] = [
                LINEAGE | {"id": each["id"]}
                for each in found["operations"]
                if (each["kind"], each["op"]) == ("exception", "add")
            ]
            gate(found, Namespace(deny_weakening=True, max_newly_noncompliant=0))
            for renderer in RENDERERS.values():
                assert renderer(found, 65_536)
        else:
            refused += 1
    assert printed > 0
    assert refused > 100


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("get", "policies"),
        ("score", "web-01"),
        ("exceptions", "--unused"),
        ("forecast",),
        ("trace", "policy/servers"),
        ("reconcile",),
        ("events",),
        ("token", "create", "x", "--role", "viewer"),
        ("enrollment-key", "create"),
        ("export", "nowhere"),
    ],
    ids=" ".join,
)
def test_every_other_command_takes_an_empty_answer_for_a_refusal(
    capsys: Capture, command: tuple[str, ...]
) -> None:
    with raw(http(200, {})) as address:
        ran = run(capsys, *command, "--server", address, "--token", SECRET)
    assert (ran.code, ran.out) == (3, "")
    assert "is it as new as this command?" in ran.err
    assert SECRET not in ran.err


@pytest.mark.parametrize(
    "address",
    [
        "https://", "ftp://host", "host", "http://[::1", "http://127.0.0.1:port", "https://a b.example",
        "https://a\nb", "http://127.0.0.1:99999", "https://xn--/", f"https://{'a' * 300}.example",
        f"https://user:{SECRET}@host.example", "https://host.example/?x=1", "http://host.example",
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_would_show_the_token_is_wrong_usage(
    capsys: Capture, repository: Repository, address: str
) -> None:
    ran = plan(capsys, repository, address, "token")
    assert (ran.code, ran.out) == (2, "")
    assert "https://" in ran.err
    assert ran.err.count("\n") == 1
    assert SECRET not in ran.err


@pytest.mark.parametrize("token", ["tok\nen", "t\u00f6ken", "to\x7fken"])
def test_a_token_that_cannot_be_sent_is_wrong_usage_and_is_not_shown(
    capsys: Capture, repository: Repository, token: str
) -> None:
    ran = plan(capsys, repository, "http://127.0.0.1:9", token)
    assert ran.code == 2
    assert "no token has" in ran.err
    assert token not in ran.err


@pytest.mark.parametrize("file", ["nowhere.pem", "words.pem"])
def test_authorities_that_cannot_be_read_are_wrong_usage(
    capsys: Capture, repository: Repository, tmp_path: Path, file: str
) -> None:
    (tmp_path / "words.pem").write_text("no certificate\n")
    ran = run(
        capsys, "plan", "--repo", repository.path, "--server", "https://127.0.0.1:9",
        "--token", "x", "--ca-file", tmp_path / file,
    )  # fmt: skip
    assert ran.code == 2
    assert "no certificates" in ran.err


def test_every_problem_that_only_the_controller_sees_is_named(
    capsys: Capture, repository: Repository
) -> None:
    errors = [
        {"field": f"policies/{n}.yaml:1", "message": f"policies/{n}.yaml: GW604"} for n in "ab"
    ]
    detail = "the head has 2 problem(s) and would not be applied"
    with raw(refusal(422, detail, "REJECTED", errors=errors)) as address:
        ran = plan(capsys, repository, address)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines() == [
        "policies/a.yaml: GW604",
        "policies/b.yaml: GW604",
        f"gitward plan: {address}: {detail}",
    ]


def test_a_head_with_problems_is_refused_over_http_with_each_place_said_once(api: Api) -> None:
    files = {"policies/broken.yaml": "name: x\ncis_level: level_9\n"}
    answer = api.post("/api/v1/gitops/plan", json={"files": files}, role="viewer")
    body = answer.json()
    assert answer.status_code == 422
    assert body["detail"].startswith(
        "the head has 2 problem(s) and would not be applied: policies/"
    )
    assert body["detail"].endswith(" (and 1 more)")
    assert body["detail"].count("policies/broken.yaml") == 1
    assert [each["message"].split()[1] for each in body["errors"]] == ["GW202", "GW204"]


def everything(folder: Path) -> list[str]:
    """Every row of the store, and every file of a repository with its content."""
    found = []
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".db":
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
                found += list(database.iterdump())
        elif file.is_file() and not file.name.endswith(("-wal", "-shm")):
            found.append(f"{file} {file.read_bytes()!r}")
    return found


def test_no_plan_answered_or_refused_writes_anything_anywhere(
    capsys: Capture, api: Api, repository: Repository, tmp_path: Path
) -> None:
    viewer, agent = api.controller.tokens["viewer"], api.enroll(hostname="web-02").token
    head = repository.head
    broken = {"policies/broken.yaml": "name: x\ncis_level: level_9\n"}
    before = everything(tmp_path)
    assert any("INSERT" in each for each in before)
    answers = [
        plan(capsys, repository, api.address, viewer),
        plan(capsys, repository, api.address, agent),
        plan(capsys, repository, api.address, "unknown"),
        plan(capsys, repository, "http://127.0.0.1:9"),
        run(capsys, "plan", "--repo", repository.path, "--base", "nowhere"),
        run(capsys, "plan", "--repo", repository.path, "--server", api.address, "--token", viewer,
            "--source", "nobody"),
    ]  # fmt: skip
    for files, code in ((broken, 422), ({"../x": "y"}, 422), (dict(CHANGE), 200)):
        answer = api.post("/api/v1/gitops/plan", json={"files": files}, role="viewer")
        assert answer.status_code == code
    assert [each.code for each in answers] == [1, 3, 3, 3, 3, 3]
    assert repository.head == head
    assert everything(tmp_path) == before
