"""Machines: enrolment, work, reports, tags."""

from __future__ import annotations

import gzip
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from controller.api.app import create_app
from controller.api.errors import respond
from controller.errors import StoreUnavailableError
from controller.intake.intake import Intake
from controller.intake.recorder.direct import DirectRecorder
from tests.api.documents import base
from tests.api.server import MANY, Agent, Api, controller, serve

C = "/api/v1/compliance"
REGISTER = "/api/v1/enrollment/register"
CLAIM = {"hostname": "web-01", "os": "linux", "arch": "arm64", "agent_version": "1.0"}


def register(api: Api, key: str, token: str = "", **fields: Any) -> Any:
    headers = {"X-Registration-Key": key}
    return api.post(REGISTER, role=None, token=token, headers=headers, json={**CLAIM, **fields})


def test_a_key_enrols_with_its_tags_as_often_as_it_says(api: Api) -> None:
    key = api.controller.enrollment_key("web", uses=1)
    answer = register(api, key)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"uuid", "status", "agent_token", "poll_interval_seconds"}
    assert (body["status"], body["poll_interval_seconds"]) == ("approved", 60)
    machine = api.get(f"/api/v1/agents/{body['uuid']}").json()
    assert (machine["tags"], machine["hostname"], machine["arch"]) == (["web"], "web-01", "arm64")
    again = register(api, key)
    assert (again.status_code, again.json()["code"]) == (401, "UNAUTHENTICATED")
    assert api.post(REGISTER, role=None, json=CLAIM).status_code == 401


def test_a_stolen_uuid_waits_and_harms_nobody(api: Api) -> None:
    victim = api.enroll()
    thief = register(api, api.controller.enrollment_key(), existing_uuid=victim.uuid).json()
    assert (thief["uuid"], thief["status"]) == (victim.uuid, "pending")
    assert victim.report({"crit-1": "passed"}).status_code == 200
    refused = Agent(api, victim.uuid, thief["agent_token"]).report({"crit-1": "failed"})
    assert refused.status_code == 401
    status = f"/api/v1/enrollment/status/{victim.uuid}"
    assert api.get(status, token=thief["agent_token"]).json()["status"] == "pending"
    assert api.get(status, token=victim.token).json()["status"] == "approved"
    # Approved by a person, the new token replaces the old one.
    assert api.post(f"/api/v1/agents/{victim.uuid}/approve").status_code == 200
    assert victim.report({}).status_code == 401
    assert Agent(api, victim.uuid, thief["agent_token"]).report({}).status_code == 200


def test_the_old_token_proves_a_machine_that_enrols_again(api: Api) -> None:
    agent = api.enroll()
    answer = register(
        api, api.controller.enrollment_key(), token=agent.token, existing_uuid=agent.uuid
    ).json()
    assert (answer["uuid"], answer["status"]) == (agent.uuid, "approved")
    assert agent.report({}).status_code == 401
    assert Agent(api, agent.uuid, answer["agent_token"]).report({}).status_code == 200


def test_the_status_of_an_enrolment_is_for_the_machine_and_for_people(api: Api) -> None:
    mine, theirs = api.enroll(), api.enroll()
    path = f"/api/v1/enrollment/status/{mine.uuid}"
    own = api.get(path, role=None, headers={"X-Registration-Token": mine.token})
    assert own.json() == {"uuid": mine.uuid, "status": "approved"}
    assert api.get(path, role="viewer").status_code == 200
    assert api.get(path, token=theirs.token).status_code == 404
    assert api.get(path, role=None).status_code == 401


def test_work_is_given_once_an_answer_is_due_and_given_again_until_it_comes(api: Api) -> None:
    agent = api.enroll()
    path = f"{C}/work/agent/{agent.uuid}"
    work = agent.get(path).json()
    assert [each["policy_id"] for each in work["evaluations"]] == ["servers"]
    assert work["evaluations"][0]["due_at"] == "2026-06-01T12:00:00Z"
    first = work["checks"][0]
    assert first["check_id"] == "crit-1"
    assert first["query"].startswith("SELECT")
    assert "applies_when" not in first
    assert agent.get(path).json()["run_id"] == work["run_id"]
    results = {each["check_id"]: "passed" for each in work["checks"]}
    assert agent.report(results, run_id=work["run_id"]).json()["accepted"] == 6
    idle = agent.get(path)
    assert (idle.status_code, idle.content) == (204, b"")
    assert int(idle.headers["retry-after"]) > 0


def test_a_condition_travels_with_its_check(api: Api) -> None:
    files = base()
    files["checks/base.yaml"] = files["checks/base.yaml"].replace(
        "    comparison_operator: exists\n",
        "    comparison_operator: exists\n    applies_when: SELECT 1 AS one FROM users\n",
        1,
    )
    api.controller.apply(files)
    agent = api.enroll()
    checks = agent.get(f"{C}/work/agent/{agent.uuid}").json()["checks"]
    assert [each["check_id"] for each in checks if "applies_when" in each] == ["crit-1"]


def test_what_was_asked_for_and_is_missing_becomes_an_error(api: Api) -> None:
    agent = api.enroll()
    work = agent.get(f"{C}/work/agent/{agent.uuid}").json()
    agent.report({"crit-1": "passed"}, run_id=work["run_id"])
    assert agent.score()["counts"]["error"] == 4
    assert agent.score()["counts"]["exempted"] == 1


def test_a_report_is_taken_once(api: Api) -> None:
    agent, report_id = api.enroll(), str(uuid4())
    first = agent.report({"crit-1": "passed", "nothing": "failed"}, report_id=report_id)
    assert first.status_code == 200
    assert first.json() == {
        "report_id": report_id,
        "accepted": 1,
        "changed": 1,
        "duplicate": False,
        "superseded": False,
        "unknown_checks": ["nothing"],
        "outdated_checks": [],
        "score": {"score": 100, "risk_level": "low", "compliant": True},
    }
    again = agent.report({"crit-1": "failed"}, report_id=report_id).json()
    assert (again["duplicate"], again["changed"], again["score"]["score"]) == (True, 0, 100)
    older = agent.report({"crit-1": "failed"}, collected_at="2026-05-01T00:00:00Z").json()
    assert (older["superseded"], older["score"]["score"]) == (True, 100)


def send(api: Api, agent: Agent, content: bytes, **headers: str) -> Any:
    return api.post(
        f"{C}/results",
        token=agent.token,
        content=content,
        headers={"Content-Type": "application/json", **headers},
    )


def report_bytes(**fields: Any) -> bytes:
    body = {"report_id": str(uuid4()), "collected_at": "2026-06-01T12:00:00Z", "results": []}
    return json.dumps({**body, **fields}).encode()


def test_a_report_may_be_packed(api: Api) -> None:
    agent = api.enroll()
    packed = gzip.compress(report_bytes())
    assert send(api, agent, packed, **{"Content-Encoding": "gzip"}).status_code == 200
    assert send(api, agent, packed, **{"Content-Encoding": "br"}).status_code == 415
    assert send(api, agent, packed[:-4], **{"Content-Encoding": "gzip"}).status_code == 400
    assert send(api, agent, packed + b"x", **{"Content-Encoding": "gzip"}).status_code == 400
    assert send(api, agent, b"{}", **{"Content-Encoding": "gzip"}).status_code == 400


def test_a_packed_report_that_grows_without_end_is_refused(api: Api) -> None:
    agent = api.enroll()
    bomb = gzip.compress(b" " * (64 * 1024 * 1024), 9)
    assert len(bomb) < 1024 * 1024
    assert send(api, agent, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert send(api, agent, b" " * (4 * 1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"agent_uuid": str(uuid4())}, 422),
        ({"machine_uuid": "x"}, 422),
        ({"report_id": "x"}, 422),
        ({"collected_at": "yesterday"}, 422),
        ({"collected_at": 3}, 422),
        ({"results": {}}, 422),
        ({"results": [{"check_id": "crit-1", "status": "maybe"}]}, 422),
        ({"results": [{"check_id": "a", "status": "passed"}] * 2}, 422),
        ({"results": [{"check_id": "a", "status": "passed", "rows": [{"a": 1}]}]}, 422),
        ({"results": [{"check_id": "a", "status": "passed", "actual_value": 2**70}]}, 422),
    ],
)
def test_a_report_of_the_wrong_shape_is_refused_whole(
    api: Api, fields: dict[str, Any], status: int
) -> None:
    agent = api.enroll()
    answer = send(api, agent, report_bytes(**fields))
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"]
    assert agent.score()["reported_at"] is None


def test_a_report_needs_a_machines_own_token(api: Api) -> None:
    for role, status in ((None, 401), ("admin", 403)):
        answer = api.post(f"{C}/results", role=role, json={})
        assert answer.status_code == status
    agent = api.enroll()
    assert agent.report({}).status_code == 200
    assert api.delete(f"/api/v1/agents/{agent.uuid}").status_code == 204
    assert agent.report({}).status_code == 401
    assert agent.report({}).status_code == 401


def test_machines_are_listed_with_score_and_tags(api: Api) -> None:
    good, bad = api.enroll("web", hostname="alpha"), api.enroll("db", hostname="beta")
    good.report({"crit-1": "passed"})
    bad.report({"crit-1": "failed"})
    api.enroll(hostname="gamma")

    def names(**params: object) -> list[str]:
        answer = api.get("/api/v1/agents", params=params)
        return [each["hostname"] for each in answer.json()["items"]]

    assert names() == ["alpha", "beta", "gamma"]
    assert names(sort_by="hostname", sort_order="desc") == ["gamma", "beta", "alpha"]
    assert names(risk_level="critical") == names(tag="db") == names(compliant=False) == ["beta"]
    assert names(compliant=True) == names(search="ALPH") == ["alpha"]
    assert names(assessed=False) == ["gamma"]
    assert names(per_page=1, page=2) == ["beta"]
    first = api.get("/api/v1/agents").json()["items"][0]
    assert (first["score"], first["risk_level"], first["compliant"]) == (100, "low", True)


def test_tags_are_set_by_people_and_decide_at_once(api: Api) -> None:
    agent = api.enroll("web")
    path = f"/api/v1/agents/{agent.uuid}"
    read = api.get(path)
    changed = api.put(path, role="manager", json={"tags": ["b", "a", "b"]})
    assert changed.json()["tags"] == ["a", "b"]
    late = api.put(path, json={"tags": []}, headers={"If-Match": read.headers["etag"]})
    assert late.status_code == 412
    fresh = api.put(path, json={"tags": None}, headers={"If-Match": changed.headers["etag"]})
    assert fresh.json()["tags"] == []
    assert api.put(path, json={"tags": ["no spaces"]}).status_code == 422
    assert api.put(path, json={"hostname": "mine"}).status_code == 422


@pytest.mark.parametrize("hostname", ["", "a\nb", "\x1b[31mred", "x" * 256, 3, None])
def test_a_hostname_is_one_plain_line(api: Api, hostname: object) -> None:
    answer = register(api, api.controller.enrollment_key(), hostname=hostname)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "hostname"


def test_a_full_queue_and_a_store_that_is_away_ask_to_come_again(tmp_path: Path) -> None:
    with controller(tmp_path / "data") as made:
        full = Intake(DirectRecorder(made.store), most_waiting=0)
        services = replace(made.services, intake=full)
        with serve(create_app(services)) as address:
            api = Api(made, address)
            answer = api.enroll().report({})
            assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
            assert int(answer.headers["retry-after"]) > 0
            api.http.close()
    away = respond(StoreUnavailableError("the store is locked"))
    assert (away.status_code, int(away.headers["retry-after"]) > 0) == (503, True)


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    impatient = replace(MANY, body_seconds=0.2)
    with controller(tmp_path / "data", limits=impatient) as made, serve(made.app) as address:
        api = Api(made, address)
        token = api.enroll().token
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as slow:
            slow.sendall(
                b"POST /api/v1/compliance/results HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                b"Content-Type: application/json\r\nAuthorization: Bearer "
                + token.encode()
                + b"\r\n\r\n{"
            )
            assert slow.recv(65536)[9:12] == b"408"
        assert api.get("/healthz", role=None).status_code == 200
        api.http.close()
