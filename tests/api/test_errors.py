"""One body for every error, wherever it comes from."""

from __future__ import annotations

import ast
import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controller import errors as tree
from controller.api.errors import STATUS, code_of, respond, status_of
from tests.api.documents import base
from tests.api.server import Api, controller, serve

CORPUS = Path(__file__).parent.parent / "corpus" / "http"
PUBLISHED = {400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 503}
POLICIES = "/api/v1/compliance/policies"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all: none of these requests changes anything."""
    folder = tmp_path_factory.mktemp("errors") / "data"
    with controller(folder) as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        yield client
        client.http.close()


def classes(parent: type[tree.ControllerError] = tree.ControllerError) -> Iterator[type]:
    for each in parent.__subclasses__():
        if each.__module__ == tree.__name__:
            yield each
            yield from classes(each)


def test_every_error_class_has_a_published_status_and_a_code_of_its_own() -> None:
    found = list(classes())
    assert {each: status_of(each) for each in found if status_of(each) not in PUBLISHED} == {}
    assert len({code_of(each) for each in found}) == len(found)
    assert set(STATUS) <= {tree.ControllerError, *found}


def test_an_error_nobody_foresaw_says_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    answer = respond(ZeroDivisionError("secret"))
    assert answer.status_code == 500
    body = json.loads(bytes(answer.body))
    assert body["code"] == "INTERNAL"
    assert "secret" not in body["detail"]
    assert "secret" in caplog.text


def same_shape(answer: object) -> dict[str, object]:
    assert isinstance(answer, dict)
    assert isinstance(answer["detail"], str)
    assert answer["detail"]
    assert answer["status"] == "error"
    assert answer["code"] == answer["code"].upper()
    return answer


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/api", 404, "NOT_FOUND"),
        ("GET", "/elsewhere", 404, "NOT_FOUND"),
        ("PATCH", POLICIES, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/compliance/results", 405, "METHOD_NOT_ALLOWED"),
        ("TRACE", "/healthz", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"{POLICIES}/{'x' * 10_000}", 404, "NOT_FOUND"),
        ("GET", f"{POLICIES}/..%2f..%2fetc%2fpasswd", 404, "NOT_FOUND"),
        ("GET", f"{POLICIES}/%F0%9F%94%92%E2%80%AE", 404, "NOT_FOUND"),
        ("GET", f"{POLICIES}/a%00b", 422, "REJECTED"),
        ("GET", f"{POLICIES}?search=a%00b", 422, "REJECTED"),
        ("GET", f"{POLICIES}?page=0", 422, "REJECTED"),
        ("GET", f"{POLICIES}?page=9223372036854775808", 422, "REJECTED"),
        ("GET", f"{POLICIES}?per_page=101", 422, "REJECTED"),
        ("GET", f"{POLICIES}?sort_by=id;DROP TABLE object", 422, "REJECTED"),
        ("GET", f"{POLICIES}?sort_order=sideways", 422, "REJECTED"),
        ("GET", "/api/v1/agents?sort_by=hostname' OR '1'='1", 422, "REJECTED"),
        ("GET", "/api/v1/compliance/trend?days=367", 422, "REJECTED"),
    ],
)
def test_the_body_is_the_same_everywhere(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = api.call(method, path)
    assert answer.status_code == status, answer.text
    assert same_shape(answer.json())["code"] == code
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 405:
        assert answer.headers["allow"]
    if status == 422:
        assert answer.json()["errors"]


def test_a_method_that_is_not_taken_is_answered_with_those_that_are(api: Api) -> None:
    allowed = api.call("PATCH", f"{POLICIES}/servers").headers["allow"]
    assert set(allowed.split(", ")) == {"GET", "HEAD", "PUT", "DELETE"}


@pytest.mark.parametrize("path", ["/api/v1/agents", "/api/v1/compliance/exceptions", POLICIES])
@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "%25_%", "\\", '"]); DROP TABLE x', "\u0131", "\u202e"]
)
def test_what_looks_like_sql_is_a_text_that_nothing_matches(api: Api, path: str, text: str) -> None:
    answer = api.get(path, params={"search": text, "tag": text, "check_id": text})
    assert answer.status_code == 200
    assert answer.json()["items"] == []


def test_a_page_far_beyond_the_end_is_empty(api: Api) -> None:
    for path in (POLICIES, "/api/v1/agents", "/api/v1/gitops/revisions", "/api/v1/gitops/events"):
        answer = api.get(path, params={"page": 2**63 - 1}).json()
        assert answer["items"] == []
        assert answer["page"] == 2**63 - 1


def corpus() -> list[Path]:
    return sorted(CORPUS.glob("*.txt"))


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.stem)
def test_a_hostile_body_is_refused_and_the_server_lives(api: Api, case: Path) -> None:
    """A file holds: the expected status, the content type, and the body as a Python literal."""
    status, content_type, literal = case.read_text().split("\n", 2)
    body = eval_literal(literal)
    headers = {"Content-Type": content_type} if content_type else {}
    answer = api.post(POLICIES, content=body, headers=headers)
    assert answer.status_code == int(status), answer.text
    same_shape(answer.json())
    assert api.get("/healthz").status_code == 200


def eval_literal(text: str) -> bytes:
    """``b"..."`` or ``b"..." * N``, several joined by ``+`` at a line's start."""
    body = b""
    for part in text.strip().split("\n+ "):
        piece, times = part, 1
        if found := re.search(r"""["'] \*(\d+)$""", part):
            piece, times = part[: found.start() + 1], int(found[1])
        value = ast.literal_eval(piece)
        assert isinstance(value, bytes)
        body += value * times
    return body


def test_the_corpus_is_there() -> None:
    assert len(corpus()) > 20


def test_an_encoding_is_refused_where_bodies_are_small(api: Api) -> None:
    for encoding in ("gzip", "br", "deflate", "gzip, gzip"):
        answer = api.post(
            POLICIES,
            content=gzip.compress(b"{}"),
            headers={"Content-Encoding": encoding, "Content-Type": "application/json"},
        )
        assert answer.status_code == 415


def test_the_bodys_id_must_be_the_addresss(api: Api) -> None:
    answer = api.put(f"{POLICIES}/servers", json={"id": "others", "enabled": False})
    assert answer.status_code == 400
    assert answer.json()["code"] == "ID_MISMATCH"


@pytest.mark.parametrize(
    "field", ["managed_by", "git", "check_count", "agent_count", "created_at", "state", "version"]
)
def test_fields_that_the_server_owns_are_in_no_body(api: Api, field: str) -> None:
    body = {"name": "Mine", "cis_level": "level_1", "target_os": "all", field: "x"}
    answer = api.post(POLICIES, json=body)
    assert answer.status_code == 422
    assert field in [each["field"] for each in answer.json()["errors"]]


def raw(api: Api, request: bytes) -> bytes:
    parts = urlsplit(api.address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as made:
        made.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = made.recv(65536)
            if not piece:
                break
            answer += piece
        return answer


@pytest.mark.parametrize(
    ("name", "request_bytes", "statuses"),
    [
        (
            "both lengths",
            (
                b"POST /api/v1/compliance/policies HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            {b"400"},
        ),
        (
            "two lengths",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            {b"400"},
        ),
        (
            "long range",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b"0-1," * 5000 + b"\r\n\r\n",
            {b"200"},
        ),
        ("odd host", b"GET /healthz HTTP/1.1\r\nHost: a/b@evil:99999\r\n\r\n", {b"200", b"400"}),
        ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", {b"200", b"400"}),
        ("not http", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", {b"400", b""}),
    ],
)
def test_odd_requests_on_the_wire(
    api: Api, name: str, request_bytes: bytes, statuses: set[bytes]
) -> None:
    answer = raw(api, request_bytes)
    assert answer[9:12] in statuses, (name, answer[:200])
    assert b"evil" not in answer
    assert api.get("/healthz").status_code == 200


def test_a_body_that_claims_to_be_huge_is_refused_before_it_is_sent(api: Api) -> None:
    token = api.controller.tokens["admin"].encode()
    head = (
        b"POST /api/v1/compliance/policies HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + token + b"\r\nContent-Length: 99999999999\r\n\r\n"
    )
    answer = raw(api, head)
    assert answer[9:12] == b"413"
    assert b"connection: close" in answer.lower()
