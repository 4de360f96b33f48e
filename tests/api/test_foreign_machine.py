"""A machine speaks for itself alone; that it tried otherwise is counted, kept and told (T37)."""

from __future__ import annotations

import gzip
import json
import uuid
from typing import Any

import pytest

from controller.api import report_route
from controller.model.notice import Subscription
from tests.api.server import Agent, Api
from tests.api.test_access import EXPECTED

OF_A_MACHINE = sorted(
    (method, path)
    for (method, path), who in EXPECTED.items()
    if "agent" in who and "{uuid}" in path
)
NAMES = ["agent_uuid", "agent_id", "machine_uuid", "machine_id", "uuid"]


@pytest.fixture
def pair(api: Api) -> tuple[Agent, Agent]:
    with api.controller.store.write() as writing:
        writing.subscribe([Subscription("siem", reasons=("ForeignMachine",))])
    return api.enroll(hostname="mine"), api.enroll(hostname="theirs")


def kept(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    """Who, about whom, and what, oldest first."""
    with api.controller.store.read() as reading:
        rows = [each for each in reading.audit(1, 100).items if each.action == "foreign-machine"]
    return [(each.actor, each.object, dict(each.detail)) for each in reversed(rows)]


def counted(api: Api, where: str) -> float:
    label = f'gitward_foreign_machine_total{{where="{where}"}} '
    lines = [line for line in api.get("/metrics").text.splitlines() if line.startswith(label)]
    return float(lines[0].removeprefix(label)) if lines else 0.0


@pytest.mark.parametrize("name", NAMES)
def test_a_report_that_names_another_machine_is_refused_kept_counted_and_told(
    api: Api, pair: tuple[Agent, Agent], name: str
) -> None:
    mine, theirs = pair
    assert mine.report({"high-1": "passed"}).status_code == 200
    before = theirs.score()
    for _ in range(3):
        answer = mine.report({"high-1": "failed"}, **{name: theirs.uuid})
        assert answer.status_code == 422
        assert answer.json()["code"] == "MACHINE_NAMED"
    about = f"machine/{mine.uuid}"
    assert kept(api) == [(f"agent:{mine.uuid}", about, {"named": theirs.uuid, "where": "body"})]
    assert counted(api, "body") == 3
    assert theirs.score() == before
    with api.controller.store.read() as reading:
        (notice,) = reading.notices(1, 10, dead=False).items
        assert not list(reading.verify_trail())
    assert (notice.object, notice.reason) == (about, "ForeignMachine")
    assert theirs.uuid in notice.message


def test_compressed_large_and_first_reports_are_no_way_around_it(
    api: Api, pair: tuple[Agent, Agent]
) -> None:
    mine, theirs = pair
    body = {
        "report_id": str(uuid.uuid4()),
        "collected_at": api.controller.clock.now.isoformat(),
        "results": [],
        "agent_uuid": theirs.uuid,
    }
    large = body | {"results": [{"check_id": "x", "status": "passed", "details": "d" * 90_000}]}
    for content, headers in (
        (gzip.compress(json.dumps(body).encode()), {"Content-Encoding": "gzip"}),
        (json.dumps(large).encode(), {}),
    ):
        headers |= {"Content-Type": "application/json"}
        answer = api.call(
            "POST", report_route.PATH, token=mine.token, content=content, headers=headers
        )
        assert answer.status_code == 422, answer.text
    assert counted(api, "body") == 2


@pytest.mark.parametrize(("method", "path"), OF_A_MACHINE)
def test_another_machine_in_the_path_is_not_found_and_kept(
    api: Api, pair: tuple[Agent, Agent], method: str, path: str
) -> None:
    mine, theirs = pair
    assert api.call(method, path.format(uuid=theirs.uuid), token=mine.token).status_code == 404
    assert [(each[0], each[2]["where"]) for each in kept(api)] == [(f"agent:{mine.uuid}", "path")]


def test_its_own_name_is_refused_in_a_body_and_no_security_event(
    api: Api, pair: tuple[Agent, Agent]
) -> None:
    mine, _ = pair
    assert mine.report({"high-1": "passed"}, agent_uuid=mine.uuid).status_code == 422
    assert mine.score()["agent_uuid"] == mine.uuid
    assert kept(api) == []


def test_a_machine_that_goes_on_makes_no_more_than_a_row_in_ten_minutes(
    api: Api, pair: tuple[Agent, Agent]
) -> None:
    mine, _ = pair
    for _ in range(20):
        mine.report({"high-1": "passed"}, agent_uuid=str(uuid.uuid4()))
    assert len(kept(api)) == 1
    api.controller.clock.forward(minutes=10)
    mine.report({"high-1": "passed"}, agent_uuid="x" * 100_000)
    mine.report({"high-1": "passed"}, agent_uuid="x" * 100_000)
    assert [len(each[2]["named"]) for each in kept(api)] == [36, 64]
    assert counted(api, "body") == 22


def test_a_persons_token_names_any_machine(api: Api, pair: tuple[Agent, Agent]) -> None:
    _, theirs = pair
    path = f"/api/v1/compliance/score/agent/{theirs.uuid}"
    assert api.get(path, role="viewer").status_code == 200
    assert kept(api) == []
