"""Real servers on the loopback: git over HTTP, and a TCP proxy that misbehaves."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class GitHttp:
    """``git http-backend`` behind a small web server."""

    root: Path
    status: int = 200
    location: str = ""
    username_password: str = ""
    paths: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, repository: str = "repo/.git") -> str:
        return f"http://127.0.0.1:{self.port}/{repository}"


def _handler(server: GitHttp) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            server.paths.append(self.path)
            sent = self.headers.get("Authorization", "")
            if sent:
                server.authorizations.append(sent)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if server.status != 200 or (server.username_password and not sent):
                self.send_response(server.status if server.status != 200 else 401)
                if server.location:
                    self.send_header("Location", server.location + self.path)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._backend(body)

        do_GET = do_POST = _serve  # noqa: N815 - the names that the server calls

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            done = subprocess.run(
                ["git", "-c", "safe.directory=*", "http-backend"],
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(server.root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CONFIG_GLOBAL": os.devnull,
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "REMOTE_ADDR": "127.0.0.1",
                },
                input=body,
                capture_output=True,
                check=False,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            status = next((line[8:11] for line in lines if line.startswith("Status: ")), "200")
            self.send_response(int(status))
            for line in lines:
                name, colon, value = line.partition(": ")
                if colon and name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def git_http(root: Path) -> Iterator[GitHttp]:
    """Serve the repositories below a folder."""
    described = GitHttp(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(described))
    server.daemon_threads = True
    described.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield described
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Proxy:
    """Passes bytes on, and after so many of the server's closes the connection."""

    target: int
    port: int = 0
    cut_after: int | None = None
    """Counted over all connections since ``passed`` was set to 0."""
    passed: int = 0

    def url(self, repository: str = "repo/.git") -> str:
        return f"http://127.0.0.1:{self.port}/{repository}"

    def serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            sender = threading.Thread(target=_pass_on, args=(client, server))
            sender.start()
            with suppress(OSError):
                self._answer(client, server)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            sender.join()

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        while data := server.recv(4096):
            room = len(data) + 1 if self.cut_after is None else self.cut_after - self.passed
            self.passed += len(data)
            client.sendall(data[: max(0, room)])
            if len(data) >= room:
                return


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while data := client.recv(65536):
            server.sendall(data)
        # A client that left needs no answer, which a hanging server would never give.
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A TCP proxy to a port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    state = Proxy(target, listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threads.append(threading.Thread(target=state.serve, args=(client,)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield state
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
