"""The fleet's numbers over HTTP equal what its machines say one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.documents import base
from tests.api.server import Api, controller, serve

C = "/api/v1/compliance"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with controller(tmp_path / "data") as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        client.enroll().report({"crit-1": "passed", "high-1": "failed", "med-1": "passed"})
        client.enroll().report({"crit-1": "failed", "high-1": "failed", "low-1": "failed"})
        client.enroll().report({"crit-1": "passed", "med-1": "error"})
        client.enroll()
        yield client
        client.http.close()


def test_statistics_add_up(api: Api) -> None:
    stats = api.get(f"{C}/stats").json()
    machines = api.get("/api/v1/agents").json()["items"]
    scores = [each["score"] for each in machines if each["score"] is not None]
    assert stats["total_agents"] == len(machines) == 4
    assert stats["assessed_agents"] == len(scores) == 3
    assert stats["compliant_agents"] + stats["non_compliant_agents"] == 3
    assert stats["compliant_agents"] == sum(each["compliant"] is True for each in machines)
    assert stats["average_score"] == int(sum(round(s * 100) for s in scores) / 3) / 100
    assert stats["risk_distribution"] == {
        level: sum(each["risk_level"] == level for each in machines)
        for level in ("critical", "high", "medium", "low", "unknown")
    }
    assert stats["category_breakdown"] == [
        {"category": "encryption", "passed": 1, "failed": 0, "pass_percentage": 100},
        {"category": "firewall", "passed": 2, "failed": 3, "pass_percentage": 40},
    ]
    assert stats["exceptions"] == {"active": 1, "expiring": 0, "expired": 0}


def test_what_fails_most_comes_first(api: Api) -> None:
    items = api.get(f"{C}/stats/top-failing").json()["items"]
    assert [(each["check_id"], each["failed_agents"]) for each in items] == [
        ("high-1", 2),
        ("crit-1", 1),
    ]
    assert [each["assessed_agents"] for each in items] == [2, 3]
    assert len(api.get(f"{C}/stats/top-failing?limit=1").json()["items"]) == 1


def test_the_trend_keeps_yesterday_and_shows_now(api: Api) -> None:
    api.controller.clock.forward(days=2)
    agent = api.enroll()
    agent.report({"crit-1": "passed"})
    points = api.get(f"{C}/trend?days=7").json()["points"]
    assert [each["date"] for each in points] == ["2026-06-01", "2026-06-02", "2026-06-03"]
    assert [each["agents"] for each in points] == [4, 4, 5]
    stats = api.get(f"{C}/stats").json()
    assert points[-1]["average_score"] == stats["average_score"]


def test_a_machine_that_falls_silent_is_stale(api: Api) -> None:
    before = api.get(f"{C}/stats")
    assert before.json()["stale_agents"] == 0
    api.controller.clock.forward(days=3)
    after = api.get(f"{C}/stats", headers={"If-None-Match": before.headers["etag"]})
    assert after.json()["stale_agents"] > 0
    stale = api.get("/api/v1/agents?stale=true").json()
    assert stale["total"] == after.json()["stale_agents"]
