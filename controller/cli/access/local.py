"""A controller's data folder, read and written beside the controller: one short transaction each."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

from pydantic import TypeAdapter

from controller.api.tokens import ENROLLMENT, USER, hash_token, new_token
from controller.bootstrap import open_data
from controller.cli.access.interface import Body
from controller.errors import NotFoundError, UsageError
from controller.fleet import machines, objects, scores
from controller.fleet.exception_findings import ExceptionFindings, exception_findings
from controller.fleet.forecast import Forecast, forecast
from controller.fleet.results import MachineResult, machine_results
from controller.fleet.trace import trace
from controller.model.notice import Notice
from controller.model.source import RevisionRecord, SourceStatus
from controller.model.terms import Role
from controller.reconcile import operations
from controller.store.port.credentials import EnrollmentKeyInfo, TokenInfo
from controller.store.port.machines import MachineQuery
from controller.store.port.sources import Event
from controller.store.port.store import Reading, Store

T = TypeVar("T")
_CHUNK = 1000


@contextmanager
def open_local(data: Path, *, create: bool = False) -> Iterator[Local]:
    """The state in a data folder.

    Raises:
        UsageError: There is none, and none is to be made.
    """
    if not create and not (data / "gitward.db").is_file():
        raise UsageError(
            f"there is no controller's data in {data}; name the folder with --data, or a controller "
            "with --server"
        )
    store = open_data(data)
    try:
        yield Local(store)
    finally:
        store.close()


class Local:
    """The same answers as the API's, from the store itself."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._actor = f"cli:{_user()}"

    def sources(self) -> list[Body]:
        with self._store.read() as reading:
            return [_json(SourceStatus, status) for status in reading.sources()]

    def request(self, source: str | None) -> tuple[str, int]:
        name = source or operations.only_source(self._store)
        return name, operations.request(self._store, name, self._actor, _now())

    def confirm(self, source: str | None, digest: str) -> Body:
        status = operations.confirm(self._store, source, digest, self._actor, _now())
        return _json(SourceStatus, status)

    def suspend(self, source: str | None, reason: str, until: datetime | None) -> Body:
        status = operations.suspend(self._store, source, reason, until, self._actor, _now())
        return _json(SourceStatus, status)

    def resume(self, source: str | None) -> Body:
        return _json(SourceStatus, operations.resume(self._store, source, self._actor, _now()))

    def entries(self, what: str) -> list[Body]:
        with self._store.read() as reading:
            return _LISTS[what](reading, _now())

    def newest(self, what: str, count: int) -> list[Body]:
        with self._store.read() as reading:
            return _NEWEST[what](reading, count)

    def trace(self, object: str) -> Body:
        with self._store.read() as reading:
            return trace(reading, object).model_dump(mode="json")

    def retry(self, number: int) -> None:
        with self._store.write() as writing:
            if not writing.revive_notice(number, actor=self._actor, as_of=_now()):
                raise NotFoundError(f"no message {number} was given up")

    def score(self, machine: str) -> Body:
        as_of = _now()
        with self._store.read() as reading:
            page = reading.machines(MachineQuery(search=machine, per_page=_CHUNK), as_of)
            found = [
                row.machine.uuid
                for row in page.items
                if machine.lower() in {row.machine.uuid, row.machine.hostname.lower()}
            ]
            if len(found) != 1:
                many = f"{len(found)} machines are called {machine!r}; name one by its uuid"
                raise NotFoundError(many if found else f"no machine {machine!r}")
            return _json(scores.MachineScore, scores.machine_score(reading, found[0], as_of))

    def results(self, uuid: str) -> list[Body]:
        with self._store.read() as reading:
            found = machine_results(reading, uuid, _now())
            return [_json(MachineResult, each) for each in found]

    def forecast(self, days: int) -> Body:
        with self._store.read() as reading:
            return _json(Forecast, forecast(reading, _now(), days))

    def findings(self, expiring_days: int) -> Body:
        with self._store.read() as reading:
            return _json(ExceptionFindings, exception_findings(reading, _now(), expiring_days))

    def create_token(self, name: str, role: str, expires_at: datetime | None) -> str:
        token = new_token(USER)
        with self._store.write() as writing:
            writing.add_token(
                uuid4().hex,
                name,
                cast("Role", role),
                hash_token(token),
                actor=self._actor,
                as_of=_now(),
                expires_at=expires_at,
            )
        return token

    def create_enrollment_key(
        self, name: str, tags: list[str], uses: int | None, expires_at: datetime | None
    ) -> str:
        key = new_token(ENROLLMENT)
        with self._store.write() as writing:
            writing.add_enrollment_key(
                uuid4().hex,
                name,
                hash_token(key),
                tags=tuple(sorted(set(tags))),
                uses=uses,
                actor=self._actor,
                as_of=_now(),
                expires_at=expires_at,
            )
        return key

    def revoke(self, what: str, id_: str) -> None:
        with self._store.write() as writing:
            known: list[TokenInfo | EnrollmentKeyInfo] = (
                [*writing.tokens()] if what == "tokens" else [*writing.enrollment_keys()]
            )
            if not any(each.id == id_ for each in known):
                raise NotFoundError(f"{what}: none has the id {id_!r}; list them for their ids")
            if what == "tokens":
                writing.revoke_token(id_, actor=self._actor, as_of=_now())
            else:
                writing.revoke_enrollment_key(id_, actor=self._actor, as_of=_now())


def _policies(reading: Reading, as_of: datetime) -> list[Body]:
    found = reading.in_force().policies.values()
    return [objects.policy_view(reading, each, as_of).model_dump(mode="json") for each in found]


def _checks(reading: Reading, as_of: datetime) -> list[Body]:  # noqa: ARG001 - the table's form
    found = reading.in_force().checks.values()
    return [objects.check_view(each).model_dump(mode="json") for each in found]


def _exceptions(reading: Reading, as_of: datetime) -> list[Body]:
    found = reading.in_force().waivers.values()
    return [objects.exception_view(reading, each, as_of).model_dump(mode="json") for each in found]


def _machines(reading: Reading, as_of: datetime) -> list[Body]:
    found: list[Body] = []
    for page in count(1):
        chunk = machines.machine_list(reading, MachineQuery(page=page, per_page=_CHUNK), as_of)
        found += [_json(machines.MachineEntry, each) for each in chunk.items]
        if page * _CHUNK >= chunk.total:
            break
    return found


_LISTS: dict[str, Callable[[Reading, datetime], list[Body]]] = {
    "policies": _policies,
    "checks": _checks,
    "exceptions": _exceptions,
    "machines": _machines,
    "tokens": lambda reading, _: [_json(TokenInfo, each) for each in reading.tokens()],
    "enrollment-keys": lambda reading, _: [
        _json(EnrollmentKeyInfo, each) for each in reading.enrollment_keys()
    ],
}


_NEWEST: dict[str, Callable[[Reading, int], list[Body]]] = {
    "events": lambda reading, n: [_json(Event, each) for each in reading.events(1, n).items],
    "revisions": lambda reading, n: [
        _json(RevisionRecord, each) for each in reading.revisions(1, n).items
    ],
    "waiting": lambda reading, n: [
        _json(Notice, each) for each in reading.notices(1, n, dead=False).items
    ],
    "dead": lambda reading, n: [
        _json(Notice, each) for each in reading.notices(1, n, dead=True).items
    ],
}


def _json(class_: type[T], value: T) -> Body:
    adapter: TypeAdapter[T] = TypeAdapter(class_)
    found: Body = adapter.dump_python(value, mode="json")
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user in this container
        return "unknown"
