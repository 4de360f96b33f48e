"""A small controller on 127.0.0.1 that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UUID = "5f1f6a4e-0000-4000-8000-000000000001"
CHECK = {
    "check_id": "root-is-there",
    "digest": "sha1:d",
    "cis_id": None,
    "check_type": "osquery",
    "query": "SELECT username FROM users WHERE uid = 0",
    "comparison_operator": "equals",
    "expected_result": {"username": "root"},
}


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """Take the request and drop the connection without a word."""


Script = Callable[[Seen], Answer]


class FakeController:
    """Answers from queues by ``METHOD /path`` prefix, then from the defaults."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self.queued: dict[str, list[Answer]] = {}
        self.defaults: dict[str, Script] = {
            "POST /enrollment/register": lambda _: Answer(
                201,
                {
                    "uuid": UUID,
                    "status": "approved",
                    "agent_token": "secret-1",
                    "poll_interval_seconds": 5,
                },
            ),
            "GET /enrollment/status/": lambda _: Answer(200, {"status": "approved"}),
            "GET /compliance/work/agent/": lambda _: work(),
            "POST /compliance/results": receipt,
        }

    def next(self, route: str, *answers: Answer) -> None:
        self.queued.setdefault(route, []).extend(answers)

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        for route, script in self.defaults.items():
            if f"{seen.method} {seen.path}".startswith(route):
                queue = self.queued.get(route)
                return queue.pop(0) if queue else script(seen)
        return Answer(404, {"detail": "no such route", "code": "NOT_FOUND"})

    def asked(self, route: str) -> list[Seen]:
        return [seen for seen in self.seen if f"{seen.method} {seen.path}".startswith(route)]

    @property
    def reports(self) -> list[Any]:
        return [seen.body for seen in self.asked("POST /compliance/results")]


def work(*checks: dict[str, Any], poll: float = 3600) -> Answer:
    body = {
        "run_id": "5f1f6a4e-0000-4000-8000-00000000aaaa",
        "poll_after_seconds": poll,
        "evaluations": [],
        "checks": list(checks) or [CHECK],
    }
    return Answer(200, body)


def receipt(seen: Seen) -> Answer:
    body = {
        "report_id": seen.body["report_id"],
        "accepted": len(seen.body["results"]),
        "changed": 1,
        "duplicate": False,
        "superseded": False,
        "unknown_checks": [],
        "outdated_checks": [],
        "score": {"score": 79.54, "risk_level": "low", "compliant": False},
    }
    return Answer(200, body)


@contextmanager
def serving() -> Iterator[FakeController]:
    controller = FakeController()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            data = self.rfile.read(length)
            if self.headers.get("Content-Encoding") == "gzip":
                data = gzip.decompress(data)
            body = json.loads(data) if data else None
            path = self.path.removeprefix("/api/v1")
            answer = controller.answer(Seen(self.command, path, dict(self.headers), body))
            if answer.hang_up:
                self.close_connection = True
                self.connection.close()
                return
            text = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    controller.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield controller
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
