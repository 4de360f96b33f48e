"""A controller as a user starts it: the real command, a real repository, real HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

DEADLINE = 30.0
"""Seconds after which something that did not happen never will."""

PROGRAM = (sys.executable, "-m", "controller")
ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GITWARD_", "GIT_"))
    },
    "GITWARD_LOG_LEVEL": "INFO",
}


def gitward(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def until(happened: Callable[[], Any], what: str) -> Any:
    """Ask until something has happened: the only way to see inside another process."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {DEADLINE:g} s")


class Served:
    """One running controller with an administrator's token."""

    def __init__(
        self,
        repo: Path | str | None,
        data: Path,
        *arguments: str,
        program: tuple[str, ...] = PROGRAM,
        **environment: str,
    ) -> None:
        self.data = data
        self.errors: list[str] = []
        self._clients: list[httpx.Client] = []
        self.process = subprocess.Popen(
            [
                *(*program, "serve"),
                *(() if repo is None else ("--repo", str(repo))),
                *("--data", str(data), "--port", "0", *arguments),
            ],
            env=ENVIRONMENT | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, f"{line!r}\n{''.join(self.errors)}"
        self.url = found.group(1)
        self._out = threading.Thread(target=self._drain_out, daemon=True)
        self.output: list[str] = []
        self._out.start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append(line)

    def _drain_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)

    def client(self, role: str = "admin") -> httpx.Client:
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        token = gitward(
            "token", "create", name, "--role", role, "--data", str(self.data)
        ).stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        self._clients.append(
            httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=DEADLINE)
        )
        return self._clients[-1]

    def source(self, client: httpx.Client) -> dict[str, Any]:
        found: dict[str, Any] = client.get("/gitops/status").json()["sources"][0]
        return found

    def until_applied(self, client: httpx.Client, sha: str) -> dict[str, Any]:
        def applied() -> dict[str, Any] | None:
            source = self.source(client)
            return source if (source["last_applied_revision"] or "").endswith(sha) else None

        found: dict[str, Any] = until(applied, f"revision {sha} in force")
        return found

    def enroll(self, **claim: str) -> Agent:
        key = gitward("enrollment-key", "create", "--data", str(self.data)).stdout.strip()
        body = {"hostname": "web-01", "os": "linux", "arch": "x86_64", "agent_version": "1"} | claim
        headers = {"X-Registration-Key": key}
        answer = httpx.post(f"{self.url}/api/v1/enrollment/register", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return self.agent(answer.json()["uuid"], answer.json()["agent_token"])

    def agent(self, uuid_: str, token: str) -> Agent:
        """A machine that is enrolled already."""
        found = Agent(self.url, uuid_, token)
        self._clients.append(found.client)
        return found

    def kill(self) -> None:
        """As a power button would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE)

    def stop(self) -> int:
        """As an operator would; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """Leave nothing open."""
        if self.process.poll() is None:
            self.kill()
        for thread in (self._reader, self._out):
            thread.join(DEADLINE)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        for client in self._clients:
            client.close()


class Agent:
    """A machine that reports what a test says."""

    def __init__(self, url: str, uuid_: str, token: str) -> None:
        self.uuid = uuid_
        self.token = token
        headers = {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=DEADLINE)

    def body(self, **outcomes: str) -> dict[str, Any]:
        return {
            "report_id": str(uuid.uuid4()),
            "collected_at": datetime.now(UTC).isoformat(),
            "results": [{"check_id": id_, "status": status} for id_, status in outcomes.items()],
        }

    def report(self, **outcomes: str) -> dict[str, Any]:
        named = {id_.replace("_", "-"): status for id_, status in outcomes.items()}
        answer = self.client.post("/compliance/results", json=self.body(**named))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
