"""Deliveries on their way into the store: what arrives together is one transaction and one pass.

A thousand webhooks in a second cost as many signatures and a handful of transactions; each transaction
stores one request for each source, however many deliveries ask for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from starlette.concurrency import run_in_threadpool

from controller.api.services import Services
from controller.errors import NotFoundError, OverloadedError
from controller.model.source import SourceStatus
from controller.store.port.store import Writing

Result = Literal["accepted", "suspended", "duplicate", "ignored", "pong"]
_MOST_WAITING: Final = 4_096


@dataclass(frozen=True, slots=True)
class Hook:
    """An authentic delivery."""

    source: str
    provider: str
    kind: Literal["ping", "push", "other"]
    event: str
    refs: tuple[str, ...]
    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it."""

    result: Result
    detail: str
    request_token: int | None = None


class Deliveries:
    """Groups deliveries; used from the event loop alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: list[tuple[Hook, asyncio.Future[Taken]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def take(self, hook: Hook) -> Taken:
        """Take one delivery; return when what it asks for is on disk.

        Raises:
            NotFoundError: There is no such source.
            StoreUnavailableError: The store is locked, full or gone.
            OverloadedError: Too many wait already.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise OverloadedError("too many webhooks wait; send it again later", 5)
        future: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append((hook, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                found = await run_in_threadpool(self._store, [hook for hook, _ in batch])
            except Exception as error:  # noqa: BLE001 - each caller gets it; none may wait for ever
                found = [error] * len(batch)
            for (_, future), outcome in zip(batch, found, strict=True):
                if future.done():
                    continue  # its sender has left
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    def _store(self, hooks: list[Hook]) -> list[Taken | Exception]:
        tokens: dict[str, int] = {}
        with self._services.store.write() as writing:
            found = [_judge(writing, hook, tokens) for hook in hooks]
        for source in tokens:
            self._services.hint(source)
        return found


def _judge(writing: Writing, hook: Hook, tokens: dict[str, int]) -> Taken | Exception:
    """Decide about one delivery, in the order that the documentation gives."""
    status = writing.source(hook.source)
    if status is None:
        return NotFoundError(f"there is no source {hook.source!r}")
    if hook.kind == "ping":
        return Taken("pong", f"the secret is right; source {hook.source!r} listens")
    if uninteresting := _uninteresting(hook, status):
        return Taken("ignored", uninteresting)
    if hook.id and not writing.note_delivery(hook.source, hook.provider, hook.id, hook.at):
        return Taken("duplicate", "this delivery was taken before")
    if hook.source not in tokens:
        actor = f"webhook:{hook.provider}"
        tokens[hook.source] = writing.request_reconcile(hook.source, actor, hook.at)
    token = tokens[hook.source]
    if status.suspended:
        until = status.suspend_until.isoformat() if status.suspend_until else "it is resumed"
        return Taken("suspended", f"noted; the source is suspended until {until}", token)
    return Taken("accepted", "the source is asked what has changed", token)


def _uninteresting(hook: Hook, status: SourceStatus) -> str | None:
    if hook.kind == "other":
        return f"the event {hook.event!r} is no push"
    # Which branch HEAD means is known to the remote alone.
    if hook.refs and status.ref.startswith("refs/") and status.ref not in hook.refs:
        return f"the push was to {hook.refs[0]}, this source follows {status.ref}"
    return None
