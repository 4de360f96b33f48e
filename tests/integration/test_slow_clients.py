from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from controller.cli.access.patience import PatientProtocol

PATIENCE = 0.5


class Impatient(PatientProtocol):
    header_seconds = PATIENCE


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(answer, http=Impatient, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(20)
    listener.close()


def closed_by_the_other_side(connection: socket.socket) -> bool:
    connection.settimeout(20)
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def read_until(connection: socket.socket, end: bytes) -> None:
    connection.settimeout(20)
    got = b""
    while not got.endswith(end):
        more = connection.recv(1000)
        assert more, got
        got += more


@pytest.mark.parametrize(
    "begin",
    [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "],
    ids=["nothing at all", "half of its headers"],
)
def test_a_client_that_sends_too_little_is_left(address: tuple[str, int], begin: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(begin)

        assert closed_by_the_other_side(connection)


def test_a_second_request_on_one_connection_has_the_same_deadline(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        read_until(connection, b"ok")
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")

        assert closed_by_the_other_side(connection)


def test_others_are_served_while_slow_clients_wait(address: tuple[str, int]) -> None:
    slow = [socket.create_connection(address) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"GET / HT")

    url = f"http://127.0.0.1:{address[1]}/"

    assert [httpx.get(url).text for _ in range(5)] == ["ok"] * 5
    for connection in slow:
        connection.close()
