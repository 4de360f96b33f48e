"""One machine: what it reported, how it is judged, how that moved."""

from __future__ import annotations

from datetime import timedelta

from tests.api.documents import EXCEPTION, POLICY, base
from tests.api.server import Api

C = "/api/v1/compliance"
OUTCOMES = {
    "crit-1": "passed",
    "high-1": "failed",
    "high-2": "passed",
    "med-1": "error",
    "low-1": "failed",
}


def test_a_score_is_explained(api: Api) -> None:
    agent = api.enroll("web")
    assert agent.report(OUTCOMES).status_code == 200
    score = agent.score()
    assert score["agent_uuid"] == agent.uuid
    assert score["hostname"] == "web-01"
    # 15 passed of 10 + 5 + 5 + 3: the error counts, the exempted one does not, rounded down.
    assert (score["passed_weight"], score["total_weight"], score["score"]) == (15, 23, 65.21)
    assert (score["risk_level"], score["compliant"], score["stale"]) == ("medium", False, False)
    assert score["counts"] == {
        "passed": 2,
        "failed": 1,
        "error": 1,
        "exempted": 1,
        "not_applicable": 0,
        "pending": 1,
    }
    assert score["failed_by_severity"] == {"critical": 0, "high": 1, "medium": 0, "low": 0}
    assert score["coverage"] == 0.8
    assert score["without_exceptions"] == {
        "score": 62.5,
        "risk_level": "medium",
        "compliant": False,
    }
    (policy,) = score["policies"]
    assert (policy["policy_id"], policy["name"]) == ("servers", "Linux servers")
    assert policy["passing_score_threshold"] == 80
    assert policy["counts"] == score["counts"]
    assert score["reported_at"] == score["calculated_at"] == "2026-06-01T12:00:00Z"
    assert score["revision"] == f"main@sha1:{1:040x}"


def test_a_score_turns_at_the_instant_an_exception_ends(api: Api) -> None:
    agent, clock = api.enroll(), api.controller.clock
    agent.report(OUTCOMES)
    ends = clock.now.replace(month=12, day=31, hour=0)
    clock.now = ends - timedelta(microseconds=1)
    before = agent.score()
    clock.now = ends
    after = agent.score()
    assert (before["counts"]["exempted"], before["score"]) == (1, 65.21)
    assert (after["counts"]["exempted"], after["score"]) == (0, 62.5)
    assert after["calculated_at"] == "2026-12-31T00:00:00Z"


def test_a_machine_without_any_answer_has_no_score(api: Api) -> None:
    score = api.enroll().score()
    assert (score["score"], score["compliant"], score["risk_level"]) == (None, None, "unknown")
    assert score["coverage"] == 0
    assert score["reported_at"] is None


def test_results_show_raw_and_judged_outcomes_with_evidence_and_exception(api: Api) -> None:
    agent = api.enroll()
    agent.report(
        {},
        results=[
            {"check_id": "low-1", "status": "failed", "actual_value": {"a": 1}, "details": "off"},
            {"check_id": "crit-1", "status": "passed", "rows": []},
        ],
    )
    answer = api.get(f"{C}/results/agent/{agent.uuid}")
    assert answer.json()["total"] == 6
    results = {each["check_id"]: each for each in answer.json()["items"]}
    low = results["low-1"]
    assert (low["status"], low["raw_status"], low["severity"]) == ("exempted", "failed", "low")
    assert (low["actual_value"], low["details"]) == ({"a": 1}, "off")
    assert low["policy_ids"] == ["servers"]
    assert low["status_since"] == low["first_failed_at"] == "2026-06-01T12:00:00Z"
    assert low["exception"] == {
        "id": "appliance",
        "reason": "Vendor appliance, replaced in January.",
        "expires_at": "2026-12-31T00:00:00Z",
        "managed_by": "git",
        "git": {
            "path": "exceptions/appliance.yaml",
            "line": 1,
            "commit": "1a2b3c4d" * 5,
            "url": None,
        },
    }
    assert set(low["remediation"]) == {"steps", "command", "impact", "references"}
    # The controller judges rows itself: none came back, and at least one was expected.
    assert results["crit-1"]["status"] == "failed"
    assert results["high-1"]["status"] == results["high-1"]["raw_status"] == "pending"
    assert results["high-1"]["reported_at"] is results["high-1"]["exception"] is None


def test_results_filter_sort_and_narrow_to_a_policy(api: Api) -> None:
    api.controller.apply(
        base()
        | {
            "policies/web.yaml": POLICY.replace("Linux servers", "Web")
            + "target_tags: [web]\ninclude_checks: [high-*]\n"
            "severity_overrides: {high-1: critical}\n",
        }
    )
    agent = api.enroll("web")
    agent.report(OUTCOMES)

    def ids(**params: str) -> list[str]:
        answer = api.get(f"{C}/results/agent/{agent.uuid}", params=params)
        return [each["check_id"] for each in answer.json()["items"]]

    assert ids(status="failed") == ["high-1"]
    assert ids(status="exempted") == ["low-1"]
    assert ids(category="encryption") == ["med-1", "med-2"]
    assert ids(policy_id="web") == ["high-1", "high-2"]
    assert ids(severity="critical") == ["crit-1", "high-1"]
    assert ids(sort_by="status")[:2] == ["crit-1", "high-2"]
    assert ids(search="HIGH-1") == ["high-1"]
    first = api.get(f"{C}/results/agent/{agent.uuid}?search=high-1").json()["items"][0]
    assert first["policy_ids"] == ["servers", "web"]
    missing = api.get(f"{C}/results/agent/{agent.uuid}", params={"policy_id": "other"})
    assert missing.status_code == 404


def test_an_exception_under_one_policy_exempts_there_alone(api: Api) -> None:
    web = POLICY.replace("Linux servers", "Web") + "target_tags: [web]\n"
    api.controller.apply(
        base()
        | {
            "policies/web.yaml": web,
            "exceptions/appliance.yaml": EXCEPTION.replace(
                "scope: global", "scope: policy\npolicy_id: web"
            ),
        }
    )
    agent = api.enroll("web")
    agent.report(OUTCOMES)

    def low(**params: str) -> dict[str, object]:
        params["search"] = "low-1"
        answer = api.get(f"{C}/results/agent/{agent.uuid}", params=params).json()
        found: dict[str, object] = answer["items"][0]
        return found

    assert low(policy_id="web")["status"] == "exempted"
    assert low(policy_id="web")["exception"]
    assert low(policy_id="servers")["status"] == low()["status"] == "failed"
    assert low()["exception"] is None


def test_history_tells_every_movement_and_its_cause(api: Api) -> None:
    agent, clock = api.enroll(), api.controller.clock
    agent.report(OUTCOMES)
    clock.forward(hours=1)
    agent.report({"high-1": "passed"})
    clock.forward(hours=1)
    strict = POLICY.replace("80  #", "90  #")
    api.controller.apply(base() | {"policies/servers.yaml": strict})
    answer = agent.get(f"{C}/history/agent/{agent.uuid}").json()
    assert answer["agent_uuid"] == agent.uuid
    points = [
        (each["score"], each["compliant"], each["cause"]["kind"]) for each in answer["points"]
    ]
    assert points == [
        (None, None, "enrollment"),
        (65.21, False, "report"),
        (86.95, True, "report"),
        (86.95, False, "commit"),
    ]
    assert answer["points"][-1]["at"] == "2026-06-01T14:00:00Z"
    assert answer["points"][-1]["cause"]["ref"] == f"main@sha1:{2:040x}"
    narrowed = agent.get(f"{C}/history/agent/{agent.uuid}?policy_id=servers&days=1").json()
    assert len(narrowed["points"]) >= 3
    clock.forward(days=60)
    assert agent.get(f"{C}/history/agent/{agent.uuid}?days=30").json()["points"] == []


def test_a_machine_that_waits_has_no_score(api: Api) -> None:
    agent = api.enroll()
    assert api.post(f"/api/v1/agents/{agent.uuid}/reject").status_code == 200
    for subject in ("score", "results", "history"):
        answer = api.get(f"{C}/{subject}/agent/{agent.uuid}")
        assert answer.status_code == 404
        assert "not approved" in answer.json()["detail"]
    assert api.get(f"/api/v1/agents/{agent.uuid}").json()["status"] == "rejected"
