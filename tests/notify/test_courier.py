"""From the outbox to real sockets: in order, at least once, given up visibly, and never with a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.errors import UsageError
from controller.model.notice import Subscription
from controller.model.operator import Target
from controller.notify.courier import Courier, refuse_plain_http
from controller.store.port.sources import Event
from controller.store.port.store import Store
from controller.store.store import open_store
from tests.notify.receiver import Receiver, receiver
from tests.reconcile.rig import Clock

SECRET = "canary-of-a-signing-key"
SHA = "1a2b3c4d" * 5


class Post:
    def __init__(self, store: Store, server: Receiver) -> None:
        self.store = store
        self.server = server
        self.clock = Clock()
        self.couriers: dict[str, Courier] = {}

    def target(self, name: str, type_: str = "webhook", **fields: Any) -> Courier:
        secret = fields.pop("secret", None)
        url = fields.pop("url", self.server.url)
        target = Target.model_validate({"name": name, "type": type_, "url": url, **fields})
        courier = Courier(target, secret, self.store, clock=self.clock, jitter=lambda: 1.0)
        self.couriers[name] = courier
        with self.store.write() as writing:
            writing.subscribe(
                [
                    Subscription(each, commits=type_ not in {"webhook", "slack"})
                    for each in self.couriers
                ]
            )
        return courier

    def tell(self, reason: str = "Applied", message: str = "it is in force") -> int:
        event = Event(self.clock(), "source/default", reason, f"main@sha1:{SHA}", message)
        with self.store.write() as writing:
            return writing.tell(event, "default")

    def bodies(self) -> list[Any]:
        return [json.loads(each.body) for each in self.server.received]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with closing(open_store(tmp_path)) as store, receiver() as server:
        made = Post(store, server)
        yield made
        for courier in made.couriers.values():
            courier.close()


def test_a_message_arrives_as_a_signed_cloud_event(post: Post) -> None:
    courier = post.target("siem", secret=SECRET)
    post.tell()
    assert [courier.step(), courier.step()] == ["arrived", "empty"]
    (got,) = post.server.received
    digest = hmac.new(SECRET.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-gitward-signature"] == f"sha256={digest}"
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    body = json.loads(got.body)
    assert (body["specversion"], body["type"]) == ("1.0", "io.gitward.source.Applied")
    assert (body["source"], body["subject"]) == ("/gitward/sources/default", "source/default")
    assert body["data"]["revision"].endswith(SHA)


def test_messages_keep_their_order_while_the_receiver_fails_and_comes_back(post: Post) -> None:
    courier = post.target("siem")
    for number in range(3):
        post.tell(message=str(number))
    post.server.statuses[:] = [500, 0, 503, 429]
    outcomes = []
    while (outcome := courier.step()) != "empty":
        outcomes.append(outcome)
        if outcome == "waiting":
            post.clock.forward(minutes=10)
    assert outcomes.count("failed") == 4
    told = [body["data"]["message"] for body in post.bodies()]
    assert told == ["0"] * 5 + ["1", "2"]
    assert len({body["id"] for body in post.bodies()[:5]}) == 1


def test_a_try_waits_for_its_time_longer_each_time(post: Post) -> None:
    courier = post.target("siem")
    post.tell()
    post.server.statuses[:] = [500] * 20
    pauses = []
    for _ in range(12):
        assert courier.step() == "failed"
        with post.store.read() as reading:
            notice = reading.next_notice("siem")
        assert notice is not None
        assert notice.next_at is not None
        pauses.append((notice.next_at - post.clock()).total_seconds())
        assert courier.step() == "waiting"
        post.clock.now = notice.next_at
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == 300


def test_what_is_refused_for_good_or_for_a_day_is_given_up_and_seen(post: Post) -> None:
    courier = post.target("siem")
    for number in range(3):
        post.tell(message=str(number))
    post.server.statuses[:] = [404]
    assert courier.step() == "dead"
    post.server.statuses[:] = [500]
    assert courier.step() == "failed"
    post.clock.forward(hours=25)
    post.server.statuses[:] = [500]
    assert courier.step() == "dead"
    with post.store.read() as reading:
        page = reading.notices(1, 10, dead=True)
        sizes = reading.outbox_sizes()
    assert [(each.message, each.error) for each in page.items] == [
        ("1", "answered 500"),
        ("0", "answered 404"),
    ]
    assert sizes == {"siem": (1, 2)}
    assert courier.step() == "arrived"

    with post.store.write() as writing:
        assert writing.revive_notice(page.items[0].number, actor="ada", as_of=post.clock())
        assert not writing.revive_notice(99, actor="ada", as_of=post.clock())
    assert courier.step() == "arrived"
    assert post.bodies()[-1]["data"]["message"] == "1"


def test_a_slow_or_dead_target_holds_up_no_other(post: Post) -> None:
    away = post.target("away", url="http://127.0.0.1:1")
    here = post.target("here")
    assert post.tell() == 2
    assert away.step() == "failed"
    assert here.step() == "arrived"


def test_a_redirect_is_not_followed(post: Post) -> None:
    courier = post.target("siem", secret=SECRET)
    post.tell()
    post.server.statuses[:] = [302]
    assert courier.step() == "dead"
    assert len(post.server.received) == 1


def test_a_message_survives_a_restart_between_sending_and_noting(post: Post) -> None:
    """At least once: the same id again, so that the receiver can tell."""
    courier = post.target("siem")
    post.tell()
    with post.store.read() as reading:
        notice = reading.next_notice("siem")
    assert notice is not None
    assert courier._send(notice) == (None, False)  # and then the power goes
    assert courier.step() == "arrived"
    first, second = post.bodies()
    assert first == second


def test_a_target_hears_what_it_asked_for(post: Post) -> None:
    with post.store.write() as writing:
        writing.subscribe([Subscription("a", ("PruneBlocked",)), Subscription("b", (), ("web",))])
    assert post.tell("Applied") == 0
    assert post.tell("PruneBlocked") == 1


def test_messages_for_a_target_that_is_gone_are_dropped(post: Post) -> None:
    post.target("siem")
    post.tell()
    with post.store.write() as writing:
        writing.subscribe([Subscription("other")])
    with post.store.read() as reading:
        assert reading.outbox_sizes() == {}


@pytest.mark.parametrize(
    ("type_", "path", "header", "value", "state"),
    [
        (
            "github",
            f"/repos/acme/policies/statuses/{SHA}",
            "authorization",
            f"Bearer {SECRET}",
            "failure",
        ),
        (
            "gitea",
            f"/repos/acme/policies/statuses/{SHA}",
            "authorization",
            f"token {SECRET}",
            "failure",
        ),
        ("gitlab", f"/projects/acme%2Fpolicies/statuses/{SHA}", "private-token", SECRET, "failed"),
    ],
)
def test_a_forge_is_told_the_commits_state(
    post: Post, type_: str, path: str, header: str, value: str, state: str
) -> None:
    courier = post.target(
        "forge", type_, repository="acme/policies", secret_env="TOKEN", secret=SECRET
    )
    assert post.tell("FetchFailed") == 0
    post.tell("InvalidConfiguration", "policies/a.yaml:3:1: GW203 " + "x" * 500)
    post.tell("Applied")
    assert [courier.step(), courier.step()] == ["arrived", "arrived"]
    refused, applied = post.server.received
    assert (refused.path, refused.headers[header]) == (path, value)
    body = json.loads(refused.body)
    assert body["state"] == state
    assert body.get("context", body.get("name")) == "gitward"
    assert body["description"].startswith("InvalidConfiguration: policies/a.yaml:3:1")
    assert len(body["description"]) <= 140
    assert json.loads(applied.body)["state"] == "success"


def test_slack_gets_plain_text_that_rings_nobody(post: Post) -> None:
    courier = post.target("chat", "slack")
    post.tell(message="“<!channel> <https://evil|x> & `y`” by Eve")
    courier.step()
    text = post.bodies()[0]["text"]
    assert "<" not in text
    assert "&lt;!channel&gt;" in text


def test_a_token_never_travels_readable_and_is_in_no_error(post: Post, tmp_path: Path) -> None:
    fields = {"name": "f", "type": "github", "repository": "a/b", "secret_env": "T"}
    with pytest.raises(UsageError, match="https"):
        refuse_plain_http(Target.model_validate({**fields, "url": "http://forge.example.com"}))
    refuse_plain_http(Target.model_validate({**fields, "url": "http://127.0.0.1:3000"}))
    courier = post.target(
        "forge", "github", repository="a/b", secret_env="T", secret=SECRET, url="http://127.0.0.1:1"
    )
    post.tell()
    assert courier.step() == "failed"
    assert not any(
        SECRET.encode() in file.read_bytes() for file in tmp_path.iterdir() if file.is_file()
    )
