"""Counting callers: before anything is checked, by what cannot be made up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.rate_limit import WINDOW_SECONDS, RateLimiter, address_key
from controller.api.services import Limits
from tests.api.documents import base
from tests.api.server import Api, controller, serve

STATS = "/api/v1/compliance/stats"


class Hands:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_begins_with_its_first_request_and_ends_after_a_minute() -> None:
    hands = Hands()
    limiter = RateLimiter(hands)
    found = [limiter.charge("a", 2) for _ in range(3)]
    assert [each.remaining for each in found] == [1, 0, 0]
    assert [each.exceeded for each in found] == [False, False, True]
    assert found[0].resets_in == 60
    hands.now += 59.5
    late = limiter.charge("a", 2)
    assert (late.exceeded, late.resets_in) == (True, 1)
    hands.now += 0.5
    assert not limiter.charge("a", 2).exceeded


def test_a_refund_never_gives_more_than_was_taken() -> None:
    limiter = RateLimiter(Hands())
    limiter.charge("a", 1)
    for _ in range(5):
        limiter.refund("a", 1)
    assert limiter.charge("a", 1).used == 1


def test_the_table_stays_small_whoever_comes() -> None:
    limiter = RateLimiter(Hands(), capacity=100)
    for number in range(10_000):
        limiter.charge(f"address:{number}", 60)
    assert len(limiter) == 100


@given(st.lists(st.integers(0, 90), max_size=60))
def test_no_window_lets_more_through_than_its_limit(pauses: list[int]) -> None:
    hands = Hands()
    limiter = RateLimiter(hands)
    passed: list[float] = []
    for pause in pauses:
        hands.now += pause
        if not limiter.charge("a", 3).exceeded:
            passed.append(hands.now)
    # A fixed window can let two limits meet at its edge, never more.
    for at in passed:
        assert sum(at <= other < at + WINDOW_SECONDS for other in passed) <= 6


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("2001:db8::1", "address:20010db800000000::/64"),
        ("2001:db8::ffff:2", "address:20010db800000000::/64"),
        ("testclient", "address:testclient"),
        (None, "address:unknown"),
    ],
)
def test_an_address_is_known_by_what_one_caller_holds(host: str | None, key: str) -> None:
    assert address_key(host) == key


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Api]:
    limits = Limits(user_requests_per_minute=5, anonymous_requests_per_minute=3)
    with controller(tmp_path / "data", limits=limits) as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        yield client
        client.http.close()


def test_a_user_token_has_an_account_of_its_own(limited: Api) -> None:
    answers = [limited.get(STATS, role="viewer") for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert [each.headers["x-ratelimit-remaining"] for each in answers] == list("432100")
    assert {each.headers["x-ratelimit-limit"] for each in answers} == {"5"}
    reset = limited.controller.clock.now.timestamp() + 60
    assert {int(each.headers["x-ratelimit-reset"]) for each in answers} == {int(reset)}
    refused = answers[-1]
    assert refused.json()["code"] == "RATE_LIMITED"
    assert refused.headers["retry-after"] == "60"
    # Nobody else pays for it, and a minute later it is forgotten.
    assert limited.get(STATS, role="admin").status_code == 200
    limited.controller.clock.forward(seconds=60)
    assert limited.get(STATS, role="viewer").status_code == 200


def test_guessing_is_bounded_however_parallel_and_whatever_the_headers_say(limited: Api) -> None:
    async def guess() -> list[int]:
        async with httpx.AsyncClient(base_url=limited.address, timeout=30) as http:
            tries = [
                http.get(
                    STATS,
                    headers={
                        "Authorization": f"Bearer gwu_guess{number}",
                        "X-Forwarded-For": f"192.0.2.{number}",
                        "Forwarded": f"for=192.0.2.{number}",
                    },
                )
                for number in range(40)
            ]
            return [each.status_code for each in await asyncio.gather(*tries)]

    statuses = asyncio.run(guess())
    assert statuses.count(401) == 3
    assert statuses.count(429) == 37


def test_a_revoked_token_falls_back_on_its_address(limited: Api) -> None:
    made = limited.post("/api/v1/tokens", json={"name": "gone", "role": "viewer"}).json()
    assert limited.get(STATS, token=made["token"]).status_code == 200
    limited.delete(f"/api/v1/tokens/{made['id']}")
    answers = [limited.get(STATS, token=made["token"]).status_code for _ in range(5)]
    assert answers == [401, 401, 401, 429, 429]


def test_machines_and_valid_keys_are_not_counted(limited: Api) -> None:
    agents = [limited.enroll() for _ in range(5)]
    answers = [agents[0].report({"crit-1": "passed"}) for _ in range(8)]
    assert {each.status_code for each in answers} == {200}
    assert "x-ratelimit-limit" not in answers[-1].headers
    assert all(each.score() for each in agents)


def test_probes_are_not_counted(limited: Api) -> None:
    answers = [limited.get("/healthz", role=None) for _ in range(10)]
    assert {each.status_code for each in answers} == {200}
    assert "x-ratelimit-limit" not in answers[0].headers


def test_a_fleet_behind_one_address_is_taken_at_once_by_a_process_that_knows_nobody(
    tmp_path: Path,
) -> None:
    limits = Limits(user_requests_per_minute=5, anonymous_requests_per_minute=3)
    with controller(tmp_path / "data", limits=limits) as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        agents = [client.enroll() for _ in range(30)]
        client.http.close()

    async def herd(address: str, guesses: int) -> list[int]:
        async with httpx.AsyncClient(base_url=address, timeout=30) as http:
            tokens = [*(f"gwa_guess{number}" for number in range(guesses))]
            tokens += [agent.token for agent in agents]
            posts = [
                http.post(
                    "/api/v1/compliance/results",
                    headers={"Authorization": f"Bearer {token}"},
                    json={
                        "report_id": str(uuid4()),
                        "collected_at": "2026-06-01T12:00:00Z",
                        "results": [{"check_id": "crit-1", "status": "passed"}],
                    },
                )
                for token in tokens
            ]
            return [each.status_code for each in await asyncio.gather(*posts)]

    with controller(tmp_path / "data", limits=limits) as again, serve(again.app) as address:
        statuses = asyncio.run(herd(address, guesses=10))
    # Who guesses at the same address is still held, and takes nobody with him.
    assert statuses[:10].count(401) == 3
    assert statuses[:10].count(429) == 7
    assert statuses[10:] == [200] * 30
