from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.dashboard.one_time import OneTimeCodes
from controller.model.terms import ROLES
from controller.store.port.store import Store
from tests.builders import NOW, add_key, enroll, sha
from tests.dashboard.serving import serving
from tests.dashboard.sizes import ADMIN, store_of

SAME = {"Sec-Fetch-Site": "same-origin"}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = store_of(tmp_path_factory.mktemp("sign-in"), 2)
    with made.write() as writing:
        for role in ROLES[:3]:
            name, hash_ = str(role), sha(f"{role}-token")
            writing.add_token(name, name, role, hash_, actor="x", as_of=NOW, expires_at=None)
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def codes() -> OneTimeCodes:
    return OneTimeCodes()


@pytest.fixture
def client(store: Store, clock: Clock, codes: OneTimeCodes) -> Iterator[httpx.Client]:
    with (
        serving(store, clock, codes=codes) as site,
        httpx.Client(base_url=site, trust_env=False) as made,
    ):
        yield made


def sign_in(client: httpx.Client, token: str, **fields: str) -> httpx.Response:
    return client.post("/sign-in", data={"token": token, **fields}, headers=SAME)


def audit(store: Store) -> list[tuple[str, str]]:
    with store.read() as reading:
        return [(each.actor, each.action) for each in reading.audit(1, 50).items]


@pytest.mark.parametrize(
    "path", ["/", "/machines", "/machines.csv", "/badge.svg", "/exceptions/new"]
)
def test_nothing_is_shown_to_whoever_has_not_signed_in(client: httpx.Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


def test_a_token_signs_in_and_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: httpx.Client, store: Store
) -> None:
    answer = sign_in(client, "viewer-token", next="/checks")

    cookie = answer.headers["set-cookie"].lower()
    assert answer.headers["location"] == "/checks"
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/checks").status_code == 200
    assert ("viewer", "sign-in") in audit(store)


def test_over_https_the_cookie_goes_over_nothing_else(store: Store, clock: Clock) -> None:
    with serving(store, clock, secure=True) as site:
        answer = httpx.post(
            f"{site}/sign-in", data={"token": "viewer-token"}, headers=SAME, trust_env=False
        )

    assert answer.headers["set-cookie"].startswith("__Host-gitward=")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("token", ["", "wrong", "x" * 600, "viewer-token\x00", "é" * 20])
def test_a_wrong_token_is_refused_without_a_cookie(client: httpx.Client, token: str) -> None:
    answer = sign_in(client, token)

    assert answer.status_code in {400, 401}
    assert "set-cookie" not in answer.headers


def test_an_agents_token_opens_no_page(client: httpx.Client, store: Store) -> None:
    with store.write() as writing:
        add_key(writing, secret="agents")
        enroll(writing, "agent-token", key="agents")

    assert sign_in(client, "agent-token").status_code == 401
    bearer = client.get("/machines.csv", headers={"Authorization": "Bearer agent-token"})
    assert bearer.status_code == 401


def test_a_revoked_token_ends_its_session_at_once(client: httpx.Client, store: Store) -> None:
    with store.write() as writing:
        writing.add_token(
            "gone", "gone", "viewer", sha("gone-token"), actor="tests", as_of=NOW, expires_at=None
        )
    sign_in(client, "gone-token")
    assert client.get("/").status_code == 200

    with store.write() as writing:
        writing.revoke_token("gone", actor="tests", as_of=NOW)

    assert client.get("/").headers["location"] == "/sign-in"


def test_signing_out_takes_the_cookie_and_leaves_a_row_in_the_audit_trail(
    client: httpx.Client, store: Store
) -> None:
    sign_in(client, "manager-token")
    client.post("/sign-out", data={"sure": "1"}, headers=SAME)

    assert not client.cookies
    assert client.get("/").status_code == 303
    assert ("manager", "sign-out") in audit(store)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
    ids=["another origin", "an opaque origin", "a sibling site", "nothing said"],
)
@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-out", "/theme", "/revisions", "/exceptions/new"]
)
def test_a_form_from_elsewhere_is_refused(
    client: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    client.cookies.set("gitward", ADMIN)
    answer = client.post(path, data={"token": ADMIN, "action": "reconcile"}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "next_", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
              "/a\r\nSet-Cookie: x=1", "/" + "a" * 3000],
)  # fmt: skip
def test_signing_in_leads_to_a_page_of_this_dashboard_only(
    client: httpx.Client, next_: str
) -> None:
    assert sign_in(client, "viewer-token", next=next_).headers["location"] == "/"


def test_a_file_upload_and_a_huge_form_are_refused(client: httpx.Client) -> None:
    upload = client.post("/sign-in", files={"token": b"x"}, headers=SAME)
    huge = client.post("/sign-in", data={"token": "x" * 100_000}, headers=SAME)

    assert (upload.status_code, huge.status_code) == (400, 400)


def test_too_many_attempts_from_an_address_have_to_wait(store: Store, clock: Clock) -> None:
    asked: list[Any] = []

    def seconds_to_wait(address: str | None) -> int:
        asked.append(address)
        return 42 if len(asked) > 2 else 0

    with serving(store, clock, seconds_to_wait=seconds_to_wait) as site:
        answers = [
            httpx.post(f"{site}/sign-in", data={"token": token}, headers=SAME, trust_env=False)
            for token in ("a", "b", "viewer-token")
        ]

    assert [each.status_code for each in answers] == [401, 401, 429]
    assert answers[2].headers["retry-after"] == "42"
    assert asked == ["127.0.0.1"] * 3


# -- the printed link


def test_a_printed_link_signs_in_once(
    client: httpx.Client, store: Store, clock: Clock, codes: OneTimeCodes
) -> None:
    code = codes.issue(clock())

    first = client.get(f"/sign-in?code={code}")
    page = client.get("/revisions")
    client.cookies.clear()
    second = client.get(f"/sign-in?code={code}")

    assert first.headers["location"] == "/"
    assert "Sign out" in page.text
    assert second.status_code == 401
    assert "set-cookie" not in second.headers


def test_a_printed_link_ends_after_ten_minutes(
    client: httpx.Client, clock: Clock, codes: OneTimeCodes
) -> None:
    code = codes.issue(clock())
    clock.now += timedelta(minutes=10)

    assert client.get(f"/sign-in?code={code}").status_code == 401


def test_a_session_from_a_printed_link_ends_after_half_a_day_and_when_one_signs_out(
    client: httpx.Client, store: Store, clock: Clock, codes: OneTimeCodes
) -> None:
    client.get(f"/sign-in?code={codes.issue(clock())}")
    token = client.cookies["gitward"]
    clock.now += timedelta(hours=12)
    assert client.get("/").status_code == 303

    clock.now -= timedelta(hours=1)
    client.post("/sign-out", data={"sure": "1"}, headers=SAME)
    client.cookies.set("gitward", token)

    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fpyproject.toml", "%2e%2e/app.py", "gitward.css", "gitward.0000000000.css", ""],
)
def test_files_come_from_a_fixed_table(client: httpx.Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_every_answer_forbids_foreign_content_frames_and_sniffing(
    client: httpx.Client, tmp_path: Path
) -> None:
    for path in ("/", "/sign-in", "/nothing", "/static/none"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


# -- a machine that waits


def test_only_an_administrator_lets_a_waiting_machine_take_part(
    client: httpx.Client, store: Store
) -> None:
    with store.write() as writing:
        add_key(writing, secret="waiting")
        machine = enroll(writing, "waiting-token", key="waiting")
        writing.set_machine_status(machine.uuid, "rejected", actor="tests", as_of=NOW)
    address, form = f"/machines/{machine.uuid}", {"action": "approve"}

    sign_in(client, "manager-token")
    assert client.post(address, data=form, headers=SAME).status_code == 403
    assert "needs the role admin" in client.get(address).text
    client.cookies.set("gitward", ADMIN)
    assert client.get(f"{address}/report").status_code == 404
    assert client.post(address, data=form, headers=SAME).status_code == 303

    with store.read() as reading:
        found = reading.machine(machine.uuid)
    assert found is not None
    assert found.status == "approved"
    assert client.post(address, data=form, headers=SAME).status_code == 422
