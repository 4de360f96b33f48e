"""A page costs the same number of statements at any size, and none of them walks all machines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from controller.dashboard.app import create_dashboard
from controller.store.driver import Record
from controller.store.port.store import Store
from controller.store.sqlite.driver import SqliteSession
from tests.builders import NOW
from tests.dashboard.serving import dashboard_services
from tests.dashboard.sizes import ADMIN, store_of

PAGES = ("/", "/machines", "/machines?sort=score&risk=high", "/policies", "/policies/base", "/checks",
         "/checks/check-07", "/exceptions", "/exceptions/new", "/exceptions/forecast",
         "/revisions", "/report", "/machines/{uuid}", "/machines/{uuid}/report")  # fmt: skip
MOST = 60
WALKED = tuple(
    f"SCAN {table} "
    for table in ("m", "c", "s", "machine", "contact", "score", "posture", "evidence", "audit")
)


class Recorded:
    """Every statement that is run while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements: list[tuple[str, tuple[Any, ...]]] = []
        self.plans: list[str] = []
        self._patch = monkeypatch

    @contextmanager
    def on(self) -> Iterator[None]:
        seen, plans = self.statements, self.plans
        original_all, original_one = SqliteSession.all, SqliteSession.one

        def note(session: SqliteSession, sql: str, parameters: Any) -> None:
            seen.append((sql, tuple(parameters)))
            explained = original_all(session, f"EXPLAIN QUERY PLAN {sql}", parameters)
            plans.extend(f"{row[3]}  <- {sql}" for row in explained)

        def all_(session: SqliteSession, sql: str, parameters: Any = ()) -> list[Record]:
            note(session, sql, parameters)
            return original_all(session, sql, parameters)

        def one(session: SqliteSession, sql: str, parameters: Any = ()) -> Record | None:
            note(session, sql, parameters)
            return original_one(session, sql, parameters)

        with self._patch.context() as patched:
            patched.setattr(SqliteSession, "all", all_)
            patched.setattr(SqliteSession, "one", one)
            yield


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Store]]:
    made = {size: store_of(tmp_path_factory.mktemp(f"of-{size}"), size) for size in (60, 600)}
    yield made
    for store in made.values():
        store.close()


def open_page(store: Store, path: str) -> None:
    with store.read() as reading:
        uuid = reading.lowest_scores(1, NOW)[0].machine.uuid
    assert get(store, path.format(uuid=uuid)).status_code == 200


def get(store: Store, path: str, **parameters: str) -> httpx.Response:
    """One request straight to the application, without a socket."""
    app = create_dashboard(dashboard_services(store, lambda: NOW))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {ADMIN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get(path, params=parameters or None, headers=headers)

    # A thread of its own: a browser's loop may be running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask()).result()


@pytest.mark.parametrize("path", PAGES)
def test_the_number_of_statements_does_not_grow_with_the_fleet(
    stores: dict[int, Store], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    counts = []
    for store in stores.values():
        open_page(store, path)  # what is kept between pages is made once
        recorded = Recorded(monkeypatch)
        with recorded.on():
            open_page(store, path)
        counts.append(len(recorded.statements))

    assert counts[0] == counts[1] <= MOST


def test_the_overview_walks_no_table_that_grows_with_the_fleet(
    stores: dict[int, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(monkeypatch)
    with recorded.on():
        open_page(stores[600], "/")

    walked = [plan for plan in recorded.plans if plan.startswith(WALKED)]
    assert walked == []


def test_values_in_an_address_never_become_sql(stores: dict[int, Store]) -> None:
    for hostile in ("' OR 1=1 --", '"; DROP TABLE machine; --', "%", "_", "\\", "1) UNION SELECT"):
        for name in ("search", "tag", "policy", "failing"):
            answer = get(stores[60], "/machines.csv", **{name: hostile})
            assert answer.status_code == 200
            assert answer.text.count("\n") == 1, (name, hostile)
        for name in ("risk", "sort", "order", "os", "compliant", "stale", "status", "page"):
            assert get(stores[60], "/machines", **{name: hostile}).status_code == 422
