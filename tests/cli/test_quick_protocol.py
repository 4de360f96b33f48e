"""What is answered in the server's protocol gets what the application would have said."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from controller.api.services import Limits
from controller.intake.room import MOST_BYTES
from tests.api.documents import base
from tests.api.server import MANY, Agent, Api, controller, serve
from tests.integration.served import until

PATH = "/api/v1/compliance/results"
OUTCOMES = {"crit-1": "passed", "high-1": "failed"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    limits = Limits(MANY.user_requests_per_minute, MANY.anonymous_requests_per_minute, 600, 2.0)
    with controller(tmp_path / "data", limits=limits) as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        yield client
        client.http.close()


@pytest.fixture
def agent(api: Api) -> Agent:
    return api.enroll()


def body(agent: Agent, outcomes: dict[str, str] | None = None, **fields: Any) -> bytes:
    now = agent.api.controller.clock.forward(seconds=1)
    report = {
        "report_id": str(uuid4()),
        "collected_at": now.isoformat(),
        "results": [
            {"check_id": id_, "status": word} for id_, word in (outcomes or OUTCOMES).items()
        ],
        **fields,
    }
    return json.dumps(report, separators=(",", ":")).encode()


def post(agent: Agent, content: bytes, *more: str) -> bytes:
    lines = [
        f"POST {PATH} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}",
        "Content-Type: application/json", f"Authorization: Bearer {agent.token}", *more,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def dial(api: Api) -> socket.socket:
    host, _, port = api.address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), 20)


def answers(connection: socket.socket, count: int) -> list[tuple[int, bytes, Any]]:
    """So many answers: status, lower-cased head, body."""
    found: list[tuple[int, bytes, Any]] = []
    got = b""
    while len(found) < count:
        head, end, rest = got.partition(b"\r\n\r\n")
        size = 0
        if end:
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if end and len(rest) >= size:
            found.append((int(head[9:12]), head.lower(), json.loads(rest[:size])))
            got = rest[size:]
            continue
        more = connection.recv(65536)
        assert more, f"closed after {got!r}"
        got += more
    assert got == b""
    return found


def counted(api: Api, result: str) -> float:
    text = api.get("/metrics", role=None).text
    name = f'gitward_reports_total{{result="{result}"}} '
    return sum(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))


def packed(api: Api, agent: Agent, content: bytes) -> httpx.Response:
    """The answer to a report that goes the application's way."""
    return api.http.post(
        PATH,
        content=gzip.compress(content),
        headers={
            "Authorization": f"Bearer {agent.token}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        },
    )


def assert_same_headers(head: bytes, slow: httpx.Response) -> None:
    """The head of an answer has what the application's has."""
    names = {line.partition(b":")[0].decode() for line in head.split(b"\r\n")[1:]}
    assert names == set(slow.headers)
    for name in names - {"date", "content-length"}:
        assert f"\r\n{name}: {slow.headers[name].lower()}".encode() in head


def test_the_answer_is_the_application_s_but_for_the_way_there(api: Api, agent: Agent) -> None:
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent)))
        ((status, head, said),) = answers(connection, 1)
    slow = packed(api, agent, body(agent))
    assert status == slow.status_code == 200
    assert_same_headers(head, slow)
    assert said["changed"] == 2
    assert {**said, "report_id": "", "changed": 0} == {**slow.json(), "report_id": ""}
    assert counted(api, "accepted") == 2


def test_reports_and_reads_sent_in_one_go_are_answered_in_their_order(
    api: Api, agent: Agent
) -> None:
    alive = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    bodies = [body(agent) for _ in range(4)]
    first, second, third, fourth = (post(agent, each) for each in bodies)
    with dial(api) as connection:
        connection.sendall(first + alive + second + third + alive + fourth)
        found = answers(connection, 6)
    assert [status for status, _, _ in found] == [200] * 6
    said = [each.get("report_id") for _, _, each in found]
    ids = [json.loads(each)["report_id"] for each in bodies]
    assert said == [ids[0], None, ids[1], ids[2], None, ids[3]]


def test_a_body_may_come_in_pieces_but_not_forever(api: Api, agent: Agent) -> None:
    data = post(agent, body(agent))
    with dial(api) as connection:
        for start in range(0, len(data), 150):
            connection.sendall(data[start : start + 150])
        ((status, _, _),) = answers(connection, 1)
        assert status == 200
        connection.sendall(post(agent, body(agent))[:-1])
        ((status, head, said),) = answers(connection, 1)
        assert (status, said["code"]) == (408, "BODY_TIMEOUT")
        assert b"\r\nconnection: close" in head
        assert connection.recv(100) == b""


REFUSED = {
    "not JSON": (b"{", 400, "MALFORMED"),
    "not a report": (b'{"results":[]}', 422, None),
}


@pytest.mark.parametrize(("content", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_leaves_the_connection_open(
    api: Api, agent: Agent, content: bytes, status: int, code: str | None
) -> None:
    before = counted(api, "rejected")
    with dial(api) as connection:
        connection.sendall(post(agent, content) + post(agent, body(agent)))
        (refused, taken) = answers(connection, 2)
    assert (refused[0], taken[0]) == (status, 200)
    assert code is None or refused[2]["code"] == code
    assert counted(api, "rejected") == before + 1


def test_a_token_that_was_revoked_since_is_refused_by_the_transaction(
    api: Api, agent: Agent
) -> None:
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent)))
        answers(connection, 1)
        assert api.delete(f"/api/v1/agents/{agent.uuid}").status_code == 204
        connection.sendall(post(agent, body(agent)) * 2)
        found = answers(connection, 2)
    assert [status for status, _, _ in found] == [401, 401]


def test_a_full_queue_says_when_to_come_back(api: Api, agent: Agent) -> None:
    api.controller.intake.stop()
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent)))
        ((status, head, said),) = answers(connection, 1)
    assert (status, said["code"]) == (503, "OVERLOADED")
    assert int(head.partition(b"retry-after: ")[2].split(b"\r\n")[0]) >= 1


def test_a_refusal_for_want_of_room_is_the_application_s_but_for_the_way_there(
    api: Api, agent: Agent
) -> None:
    api.controller.intake.room.take(MOST_BYTES)
    before = counted(api, "unavailable")
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent)))
        ((status, head, said),) = answers(connection, 1)
    slow = packed(api, agent, body(agent))
    assert status == slow.status_code == 503
    assert_same_headers(head, slow)
    assert said == slow.json()
    assert counted(api, "unavailable") == before + 2
    text = api.get("/metrics", role=None).text
    line = f'gitward_http_requests_total{{method="POST",route="{PATH}",status="503"}} 2.0'
    assert line in text.splitlines()


def test_what_is_still_arriving_takes_room_until_it_is_here_or_will_not_come(
    api: Api, agent: Agent
) -> None:
    room = api.controller.intake.room
    data = post(agent, body(agent))
    arrived = len(data.partition(b"\r\n\r\n")[2]) - 1
    for rest, status in ((data[-1:], 200), (b"", 408), (None, None)):
        with dial(api) as connection:
            connection.sendall(data[:-1])
            until(lambda: room.held == arrived, "the body but for its end")
            if rest is not None:
                connection.sendall(rest)
                assert answers(connection, 1)[0][0] == status
        until(lambda: not room.held, "the room being free again")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_body_that_there_is_no_room_for_while_it_arrives_is_refused(
    api: Api, agent: Agent, *, zipped: bool
) -> None:
    room = api.controller.intake.room
    data = post(agent, body(agent))
    if zipped:
        data = post(agent, gzip.compress(body(agent)), "Content-Encoding: gzip")
    with dial(api) as connection:
        connection.sendall(data[:-20])
        held = until(lambda: room.held, "some of the body")
        room.take(MOST_BYTES)
        connection.sendall(data[-20:-10])
        if not zipped:  # is answered when all of it has come
            connection.sendall(data[-10:])
        ((status, _, said),) = answers(connection, 1)
        assert (status, said["code"]) == (503, "OVERLOADED")
        assert held
        until(lambda: room.held == MOST_BYTES, "what came being let go")
        room.give_back(MOST_BYTES)
        if zipped:
            connection.sendall(data[-10:])
        connection.sendall(post(agent, body(agent)))
        assert answers(connection, 1)[0][0] == 200


def test_a_connection_is_closed_when_its_client_asks_for_that(api: Api, agent: Agent) -> None:
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent), "Connection: close"))
        ((status, head, _),) = answers(connection, 1)
        assert status == 200
        assert b"\r\nconnection: close" in head
        assert connection.recv(100) == b""


def test_a_report_whose_sender_is_gone_is_kept_all_the_same(api: Api, agent: Agent) -> None:
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent)))
    # The writer takes reports in their order: after this one the first is stored.
    assert api.enroll().report(OUTCOMES).status_code == 200
    assert any(agent.score()["reported_at"] for _ in range(1000))
    assert agent.score()["counts"]["passed"] == 1


@pytest.mark.parametrize("target", [PATH + "/", PATH + "?x=1"])
def test_other_spellings_of_the_path_are_the_application_s(
    api: Api, agent: Agent, target: str
) -> None:
    with dial(api) as connection:
        connection.sendall(post(agent, body(agent)).replace(PATH.encode(), target.encode(), 1))
        ((status, _, said),) = answers(connection, 1)
    assert (status, said["accepted"]) == (200, 2)


READS = ("/api/v1/compliance/stats", "/api/v1/compliance/trend?days=7",
         "/api/v1/compliance/stats/top-failing?limit=1")  # fmt: skip


def get(token: str, target: str, *more: str) -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def lines_of(head: bytes) -> list[bytes]:
    """But for the clock of the server itself."""
    return [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]


def remaining(head: bytes) -> int:
    return int(head.partition(b"x-ratelimit-remaining: ")[2].split(b"\r\n")[0])


@pytest.mark.parametrize("target", READS)
@pytest.mark.parametrize("more", [(), ("Connection: close",)], ids=["kept open", "closed"])
def test_a_number_that_is_given_again_is_the_application_s_byte_for_byte(
    api: Api, agent: Agent, target: str, more: tuple[str, ...]
) -> None:
    assert agent.report(OUTCOMES).status_code == 200
    token = api.controller.token("viewer")
    quick = api.controller.app.state.quick_reads
    found = []
    for turn in range(3):
        headers = [(b"authorization", f"Bearer {token}".encode())]
        assert (quick.again(target.encode(), headers) is not None) == (turn > 0)
        with dial(api) as connection:
            connection.sendall(get(token, target, *more))
            found += answers(connection, 1)
            assert not more or connection.recv(1) == b""
    (made, *again) = found
    for turn, (status, head, said) in enumerate(again, start=1):
        assert (status, said) == (200, made[2])
        # Two were asked for each time: one here, one over the wire.
        assert remaining(head) == remaining(made[1]) - 2 * turn
        counted_down = b"x-ratelimit-remaining: %d" % remaining(made[1])
        assert lines_of(head) == [
            b"x-ratelimit-remaining: %d" % remaining(head) if line == counted_down else line
            for line in lines_of(made[1])
        ]
    assert requests_counted(api, target) == 5


def requests_counted(api: Api, target: str) -> float:
    route = target.partition("?")[0]
    name = f'gitward_http_requests_total{{method="GET",route="{route}",status="200"}} '
    text = api.get("/metrics", role=None).text
    return sum(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))


def test_a_report_a_moment_and_a_revoked_token_each_end_what_was_kept(
    api: Api, agent: Agent
) -> None:
    token = api.controller.token("viewer")
    ask = get(token, READS[0])
    with dial(api) as connection:
        connection.sendall(ask + ask + post(agent, body(agent)) + ask)
        before, same, _, after = (said for _, _, said in answers(connection, 4))
        assert before == same != after
        connection.sendall(ask)
        answers(connection, 1)
        api.controller.clock.forward(seconds=1)
        quick = api.controller.app.state.quick_reads
        headers = [(b"authorization", f"Bearer {token}".encode())]
        assert quick.again(READS[0].encode(), headers) is None
        connection.sendall(ask)
        answers(connection, 1)
        tokens = api.get("/api/v1/tokens").json()
        viewers = [each for each in tokens["items"] if each["role"] == "viewer"]
        for each in viewers:
            assert api.delete(f"/api/v1/tokens/{each['id']}").status_code == 204
        connection.sendall(ask)
        ((status, _, _),) = answers(connection, 1)
    assert status == 401


def test_what_is_given_again_is_counted_and_bounded_like_any_request(tmp_path: Path) -> None:
    limits = Limits(3, MANY.anonymous_requests_per_minute)
    with controller(tmp_path / "data", limits=limits) as made, serve(made.app) as address:
        made.apply(base())
        with Api(made, address).http:
            token = made.token("viewer")
            with dial(Api(made, address)) as connection:
                connection.sendall(get(token, READS[0]) * 5)
                found = answers(connection, 5)
    assert [status for status, _, _ in found] == [200, 200, 200, 429, 429]
    assert [remaining(head) for _, head, _ in found] == [2, 1, 0, 0, 0]


@pytest.mark.parametrize(
    "more", ["If-None-Match: *", "Content-Length: 1", "Upgrade: h2c", "Authorization: Bearer x"]
)
def test_a_request_that_says_more_is_the_application_s(api: Api, more: str) -> None:
    token = api.controller.token("viewer")
    with dial(api) as connection:
        connection.sendall(get(token, READS[0]) + get(token, READS[0]))
        assert [status for status, _, _ in answers(connection, 2)] == [200, 200]
    quick = api.controller.app.state.quick_reads
    name, _, value = more.partition(": ")
    headers = [
        (b"authorization", f"Bearer {token}".encode()),
        (name.lower().encode(), value.encode()),
    ]
    assert quick.again(READS[0].encode(), headers) is None
