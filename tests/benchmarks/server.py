"""Servers to measure against, each a process of its own: our whole program, and the references."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from controller.model.posture import definition_digest
from controller.store.store import open_store
from tests.benchmarks.client import all_at_once, request
from tests.benchmarks.measure import GITWARD, ROOT, environment
from tests.benchmarks.repository import check_id, commit, fleet_repository


class Served:
    """A running controller and the secrets to speak to it with."""

    def __init__(self, port: int, data: Path, repo: Path, pid: int) -> None:
        self.port, self.data, self.repo, self.pid = port, data, repo, pid
        self._viewer = ""

    def enroll(self, count: int, tags: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Enrol so many machines over HTTP; uuid and token of each."""
        options = [word for tag in tags for word in ("--tag", tag)]
        key = self._command("enrollment-key", "create", *options)
        body = '{{"hostname":"machine-{:06}","os":"linux","arch":"x86_64","agent_version":"1"}}'
        posts = [
            request("POST", "/api/v1/enrollment/register", body.format(n).encode()).replace(
                b"\r\n", f"\r\nX-Registration-Key: {key}\r\n".encode(), 1
            )
            for n in range(count)
        ]
        found = [json.loads(answer) for _, answer in all_at_once(self.port, posts)]
        return [(each["uuid"], each["agent_token"]) for each in found]

    def viewer(self) -> str:
        """A person's token."""
        if not self._viewer:
            self._viewer = self._command("token", "create", "bench", "--role", "viewer")
        return self._viewer

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            [*GITWARD, *arguments, "--data", str(self.data)],
            cwd=ROOT, capture_output=True, text=True, check=True, env=environment(),
        )  # fmt: skip
        return done.stdout.strip().splitlines()[-1]

    def digests(self, checks: int) -> list[str]:
        """The definitions' digests, as an agent is told with its work."""
        store = open_store(self.data)
        with store.read() as reading:
            in_force = reading.in_force().checks
            found = [definition_digest(in_force[check_id(n)].document) for n in range(checks)]
        store.close()
        return found

    def memory(self) -> int:
        """Resident bytes of all its processes; what they share counts for each."""
        served = psutil.Process(self.pid)
        processes = [served, *served.children(recursive=True)]
        return sum(each.memory_info().rss for each in processes)


@contextlib.contextmanager
def controller(
    folder: Path, *, checks: int = 200, environment_more: dict[str, str] | None = None
) -> Iterator[Served]:
    """``gitward serve`` of a generated repository, with everything that it does."""
    repo = folder / "repo"
    if not repo.exists():
        commit(repo, fleet_repository(checks))
    data = folder / "data"
    command = [*GITWARD, "serve", "--repo", str(repo), "--data", str(data), "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment(), **(environment_more or {})},
        stdout=subprocess.PIPE,
        stderr=(folder / "serve.log").open("a"),
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise RuntimeError((folder / "serve.log").read_text()[-3000:])
        port = int(found.group(1))
        until_ready(port)
        yield Served(port, data, repo, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def until_ready(port: int) -> None:
    """Return when ``/readyz`` says yes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            ((status, _),) = all_at_once(port, [request("GET", "/readyz")])
            if status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("the controller did not become ready")


@contextlib.contextmanager
def reference(module: str, *arguments: str | Path) -> Iterator[int]:
    """A reference server as ``python -m tests.benchmarks.reference.MODULE PORT ...``; its port."""
    port = free_port()
    with background(
        [
            sys.executable,
            "-m",
            f"tests.benchmarks.reference.{module}",
            str(port),
            *map(str, arguments),
        ],
        port,
    ):
        yield port


@contextlib.contextmanager
def background(command: list[str], port: int) -> Iterator[None]:
    """A server that listens on a port before the block begins, and ends with it."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gitward-bench-") as name:
        yield Path(name)
