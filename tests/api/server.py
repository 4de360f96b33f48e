"""The real application on the real store, served by uvicorn in a thread, under a clock of ours."""

from __future__ import annotations

import hashlib
import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI

from controller.api.app import create_app
from controller.api.services import Limits, Services
from controller.api.tokens import hash_token
from controller.cli.serving.quick_protocol import protocol_of
from controller.config.load import SourceFile, load
from controller.errors import RevisionNotFoundError
from controller.intake.intake import Intake
from controller.intake.recorder.direct import DirectRecorder
from controller.model.managed import Managed
from controller.model.plan import Plan
from controller.model.source import Commit, RevisionRecord, SourceStatus
from controller.model.terms import KINDS, ROLES, Kind, Role
from controller.reconcile.plan import plan
from controller.reconcile.preview import Previewer
from controller.source.interface import Each, Snapshot, Source, TreeFile
from controller.store.port.store import Store
from controller.store.store import open_store

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
SHA = "1a2b3c4d" * 5
MANY = Limits(user_requests_per_minute=1_000_000, anonymous_requests_per_minute=1_000_000)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    def forward(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


def blob_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Files:
    """A source of revisions that were applied by hand."""

    name = "default"

    def __init__(self) -> None:
        self.revisions: dict[str, dict[str, str]] = {}

    def snapshot(self, sha: str) -> Snapshot:
        if sha not in self.revisions:
            raise RevisionNotFoundError(f"no commit {sha}")
        files = tuple(
            TreeFile(path, blob_of(text), len(text))
            for path, text in sorted(self.revisions[sha].items())
        )
        commit = Commit(SHA, "Ada", "ada@example.com", "Change", START)
        return Snapshot(f"main@sha1:{sha}", sha, commit, files)

    def read(self, files: Sequence[TreeFile], each: Each | None = None) -> dict[str, bytes]:
        texts = {
            blob_of(text): text.encode()
            for each in self.revisions.values()
            for text in each.values()
        }
        found = {file.blob: texts[file.blob] for file in files}
        if each is not None:
            for blob, content in found.items():
                each(blob, content)
        return found


@dataclass
class Controller:
    """A controller without its loops: what they would do, tests do by hand."""

    store: Store
    intake: Intake
    clock: Clock
    services: Services
    app: FastAPI
    files: dict[str, str] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    revisions: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    source: Files = field(default_factory=Files)

    def apply(self, files: dict[str, str]) -> Plan:
        """Put a repository's files in force, as a commit would."""
        self.files.clear()
        self.files.update(files)
        loaded = load(
            [SourceFile(path, text.encode()) for path, text in files.items()], as_of=self.clock.now
        )
        assert not [p for p in loaded.problems if p.level == "error"], loaded.problems
        sha = f"{next(self.revisions):040x}"
        self.source.revisions[sha] = dict(files)
        record = RevisionRecord(
            source="default",
            revision=f"main@sha1:{sha}",
            sha=sha,
            author="Ada",
            subject="Change the policies",
            committed_at=self.clock.now,
            attempted_at=self.clock.now,
            result="applied",
            applied_at=self.clock.now,
        )
        commit = Commit(SHA, "Ada", "ada@example.com", "Change", self.clock.now)
        with self.store.write() as writing:
            in_force = writing.in_force()
            current: dict[tuple[Kind, str], Managed[Any]] = {
                (kind, id_): managed
                for kind in KINDS
                for id_, managed in in_force.of_kind(kind).items()
            }
            made = plan(
                current,
                loaded.configuration,
                source="default",
                as_of=self.clock.now,
                settings=in_force.settings,
            )
            writing.apply_plan(
                "default",
                made,
                loaded.configuration.settings,
                record,
                dict.fromkeys(files, commit),
                self.clock.now,
            )
            status = writing.source("default") or SourceStatus("default", "file:///r", "main", "")
            writing.save_source(
                replace(
                    status,
                    last_applied_revision=record.revision,
                    last_applied_at=self.clock.now,
                )
            )
        return made

    def token(self, role: Role, *, expires_at: datetime | None = None) -> str:
        token = f"gwu_{role}_{uuid4().hex}"
        with self.store.write() as writing:
            writing.add_token(
                uuid4().hex,
                f"{role} {uuid4().hex[:8]}",
                role,
                hash_token(token),
                actor="test",
                as_of=self.clock.now,
                expires_at=expires_at,
            )
        return token

    def enrollment_key(self, *tags: str, uses: int | None = None) -> str:
        key = f"gwe_{uuid4().hex}"
        with self.store.write() as writing:
            writing.add_enrollment_key(
                uuid4().hex,
                "key",
                hash_token(key),
                tags=tags,
                uses=uses,
                actor="test",
                as_of=self.clock.now,
                expires_at=None,
            )
        return key


@contextmanager
def controller(
    folder: Path, *, limits: Limits = MANY, loopback: bool = True
) -> Iterator[Controller]:
    store, clock = open_store(folder), Clock()
    intake = Intake(DirectRecorder(store))
    intake.start()
    files: dict[str, str] = {}
    woken: list[str] = []
    source = Files()
    services = Services(
        store=store,
        intake=intake,
        clock=clock,
        monotonic=clock.seconds,
        read_file=lambda _source, path: files.get(path),
        wake=woken.append,
        version="1.2.3",
        loopback=loopback,
        limits=limits,
        preview=Previewer(cast("Source", source), store),
    )
    made = Controller(store, intake, clock, services, create_app(services), files, woken)
    made.source = source
    made.tokens = {role: made.token(role) for role in ROLES}
    try:
        yield made
    finally:
        intake.stop()
        store.close()


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of the loopback interface; its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        http=protocol_of(app.state),
    )
    server = uvicorn.Server(config)
    ready = threading.Event()
    started = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await started(sockets)
        ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


class Api:
    """A client with a token for every role."""

    def __init__(self, made: Controller, address: str) -> None:
        self.controller = made
        self.address = address
        self.http = httpx.Client(base_url=address, timeout=20)

    def call(
        self, method: str, path: str, *, role: str | None = "admin", token: str = "", **options: Any
    ) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        token = token or (self.controller.tokens[role] if role else "")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.call("DELETE", path, **options)

    def enroll(self, *tags: str, os: str = "linux", hostname: str = "web-01") -> Agent:
        answer = self.post(
            "/api/v1/enrollment/register",
            role=None,
            headers={"X-Registration-Key": self.controller.enrollment_key(*tags)},
            json={"hostname": hostname, "os": os, "arch": "x86_64", "agent_version": "1.0"},
        )
        assert answer.status_code == 201, answer.text
        return Agent(self, answer.json()["uuid"], answer.json()["agent_token"])


@dataclass
class Agent:
    """A machine that reports."""

    api: Api
    uuid: str
    token: str

    def get(self, path: str) -> httpx.Response:
        return self.api.get(path, token=self.token)

    def report(self, outcomes: dict[str, str], **fields: Any) -> httpx.Response:
        body = {
            "report_id": str(uuid4()),
            "collected_at": self.api.controller.clock.now.isoformat(),
            "results": [{"check_id": id_, "status": word} for id_, word in outcomes.items()],
            **fields,
        }
        return self.api.post("/api/v1/compliance/results", token=self.token, json=body)

    def score(self) -> dict[str, Any]:
        answer = self.get(f"/api/v1/compliance/score/agent/{self.uuid}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
