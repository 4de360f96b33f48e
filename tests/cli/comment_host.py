"""A host that keeps comments as GitHub and GitLab do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Host:
    """Comments, with whoever wrote them."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.next = 1
        self.refuse = 0
        self.seen_tokens: set[str | None] = set()

    def add(self, body: str, type_: str = "Bot", author: int = 1) -> dict[str, Any]:
        comment = {
            "id": self.next,
            "body": body,
            "html_url": f"https://host.example/{self.next}",
            "user": {"type": type_},
            "author": {"id": author},
        }
        self.next += 1
        self.comments.append(comment)
        return comment

    def bodies(self) -> list[str]:
        return [each["body"] for each in self.comments]

    def answer(self, method: str, path: str, body: dict[str, str] | None) -> Any:
        parts = urlsplit(path)
        if parts.path.endswith("/user"):
            return {"id": 1}
        if method == "POST" and body is not None:
            return self.add(body["body"])
        if method in {"PATCH", "PUT", "DELETE"}:
            number = int(parts.path.rpartition("/")[2])
            (comment,) = (each for each in self.comments if each["id"] == number)
            if body is None:
                self.comments.remove(comment)
                return None
            comment["body"] = body["body"]
            return comment
        query = {key: int(value[0]) for key, value in parse_qs(parts.query).items()}
        start = (query["page"] - 1) * query["per_page"]
        return self.comments[start : start + query["per_page"]]


@contextmanager
def hosting() -> Iterator[tuple[Host, str]]:
    """The host and the address of its API."""
    kept = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            kept.seen_tokens.add(self.headers.get("Authorization") or self.headers["PRIVATE-TOKEN"])
            answer = kept.answer(self.command, self.path, body)
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(kept.refuse or (200 if text else 204))
            if text:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kept, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
