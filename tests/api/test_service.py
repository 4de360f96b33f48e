"""Alive, ready, measured; and told what to do by a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import PlainTextResponse

from controller.api.app import create_app
from controller.model.source import HeldPlan
from tests.api.server import Api, controller, serve

GITOPS = "/api/v1/gitops"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Api]:
    """A controller that has never applied a revision."""
    with controller(tmp_path / "bare") as made, serve(made.app) as address:
        client = Api(made, address)
        yield client
        client.http.close()


def test_it_is_ready_once_a_revision_is_in_force(bare: Api, api: Api) -> None:
    assert bare.get("/healthz", role=None).json() == {"status": "ok", "version": "1.2.3"}
    waiting = bare.get("/readyz", role=None)
    assert (waiting.status_code, waiting.json()["code"]) == (503, "NOT_READY")
    assert waiting.json()["missing"] == ["revision: no commit has been applied yet"]
    assert waiting.headers["retry-after"]
    ready = api.get("/readyz/", role=None)
    assert ready.json() == {"status": "ready", "revision": f"main@sha1:{1:040x}"}


def test_an_empty_fleet_has_no_averages(bare: Api) -> None:
    stats = bare.get("/api/v1/compliance/stats").json()
    assert stats["total_agents"] == 0
    assert stats["average_score"] is stats["compliant_percentage"] is stats["revision"] is None
    assert bare.get("/api/v1/compliance/trend").json() == {"points": []}
    assert bare.get("/api/v1/compliance/stats/top-failing").json() == {"items": []}
    assert bare.get("/api/v1/agents").json()["pages"] == 0


def samples(api: Api) -> dict[str, float]:
    text = api.get("/metrics", role=None).text
    return {
        sample.name
        + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_what_happened_and_show_what_is(api: Api) -> None:
    agent = api.enroll()
    agent.report({"crit-1": "failed"})
    agent.report({}, report_id="x")
    api.get("/api/v1/nothing/here")
    found = samples(api)
    results = "gitward_http_requests_total|POST|/api/v1/compliance/results"
    assert found[f"{results}|200"] == found[f"{results}|422"] == 1
    assert found["gitward_http_requests_total|GET|none|404"] == 1
    assert found["gitward_reports_total|accepted"] == found["gitward_reports_total|rejected"] == 1
    assert found["gitward_agents|critical"] == 1
    assert found["gitward_exceptions|active"] == 1
    assert found[f"gitward_source_revision_info|main@sha1:{1:040x}|default"] == 1
    left = (api.controller.clock.now.replace(month=12, day=31, hour=0)) - api.controller.clock.now
    assert found["gitward_next_exception_expiry_seconds"] == left.total_seconds()


def test_a_pass_is_asked_for_by_token_and_the_loop_is_woken(api: Api) -> None:
    first = api.post(f"{GITOPS}/reconcile")
    assert (first.status_code, first.json()) == (202, {"source": "default", "request_token": 1})
    second = api.post(f"{GITOPS}/reconcile", json={"source": "default"})
    assert second.json()["request_token"] == 2
    assert api.controller.woken == ["default", "default"]
    assert api.post(f"{GITOPS}/reconcile", json={"source": "other"}).status_code == 404


def test_suspending_needs_a_reason_and_is_shown(api: Api) -> None:
    assert api.post(f"{GITOPS}/suspend", json={"reason": "  "}).status_code == 422
    assert (
        api.post(f"{GITOPS}/suspend", json={"reason": "x", "until": "2020-01-01"}).status_code
        == 422
    )
    body = {"reason": "Audit week", "until": "2026-06-08"}
    assert api.post(f"{GITOPS}/suspend", json=body).json()["suspended"] is True
    (source,) = api.get(f"{GITOPS}/status").json()["sources"]
    assert (source["suspend_reason"], source["suspend_until"]) == (
        "Audit week",
        "2026-06-08T00:00:00Z",
    )
    assert api.post(f"{GITOPS}/resume").json()["suspended"] is False
    events = api.get(f"{GITOPS}/events").json()["items"]
    assert events[0]["object"] == "source/default"


def test_only_the_held_plan_can_be_confirmed(api: Api) -> None:
    digest = "ab" * 32
    assert api.post(f"{GITOPS}/confirm", json={"digest": digest}).status_code == 404
    held = HeldPlan(
        digest, "main@sha1:" + "2" * 40, "PruneBlocked", "too much", ("policy/servers",)
    )
    with api.controller.store.write() as writing:
        status = writing.source("default")
        assert status is not None
        writing.save_source(replace(status, held_plan=held))
    shown = api.get(f"{GITOPS}/status").json()["sources"][0]["held_plan"]
    assert shown["deletes"] == ["policy/servers"]
    assert api.post(f"{GITOPS}/confirm", json={"digest": "cd" * 32}).status_code == 409
    assert api.post(f"{GITOPS}/confirm", json={"digest": digest}).status_code == 200
    assert api.controller.woken == ["default"]


def test_revisions_are_told_newest_first(api: Api) -> None:
    api.controller.clock.forward(minutes=1)
    api.controller.apply(dict(api.controller.files))
    listed = api.get(f"{GITOPS}/revisions").json()
    assert [each["sha"] for each in listed["items"]] == [f"{2:040x}", f"{1:040x}"]
    one = api.get(f"{GITOPS}/revisions/{1:040x}").json()
    assert (one["author"], one["result"]) == ("Ada", "applied")
    assert api.get(f"{GITOPS}/revisions/{'f' * 40}").status_code == 404


def test_everything_that_was_done_is_in_the_audit_trail(api: Api) -> None:
    api.post(f"{GITOPS}/suspend", json={"reason": "Audit week"})
    entry = api.get(f"{GITOPS}/audit?per_page=1").json()["items"][0]
    assert (entry["action"], entry["object"]) == ("suspend", "source/default")
    assert entry["actor"].startswith("admin")


def test_paths_of_others_go_to_the_fallback(tmp_path: Path) -> None:
    with controller(tmp_path / "data") as made:
        page = PlainTextResponse("dashboard")
        with serve(create_app(made.services, fallback=page)) as address:
            client = Api(made, address)
            assert client.get("/", role=None).text == "dashboard"
            assert client.get("/policies", role=None).text == "dashboard"
            assert client.get("/apiary", role=None).text == "dashboard"
            assert client.get("/api/v1/x", role=None).json()["code"] == "NOT_FOUND"
            assert client.get("/healthz", role=None).status_code == 200
            client.http.close()


def test_answers_are_kept_by_nobody_and_sniffed_by_nobody(api: Api) -> None:
    headers = api.get("/api/v1/compliance/stats").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_head_is_get_without_a_body(api: Api) -> None:
    stats = "/api/v1/compliance/stats"
    full, head = api.get(stats), api.call("HEAD", stats)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == full.headers["etag"]
    assert head.headers["content-length"] == str(len(full.content))
    assert api.call("HEAD", "/api/v1/compliance/results").status_code == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("127.9.9.9:1", 200),
        ("[::1]:8080", 200),
        ("gitward.example.com", 401),
        ("127.0.0.1.evil.example", 401),
        ("localhost.evil.example:80", 401),
        ("[::1].evil.example", 401),
        ("", 401),
    ],
)
def test_what_loopback_opens_stays_closed_to_names_from_elsewhere(
    api: Api, host: str, status: int
) -> None:
    for path in ("/metrics", "/docs", "/openapi.json"):
        assert api.get(path, role=None, headers={"Host": host}).status_code == status
        assert api.get(path, role="viewer", headers={"Host": host}).status_code == 200
