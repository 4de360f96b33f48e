"""Policies, checks and exceptions over HTTP: what git declares stays git's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.documents import POLICY, base
from tests.api.server import Api

C = "/api/v1/compliance"
MINE: dict[str, Any] = {"name": "My Laptops", "cis_level": "level_1", "target_os": "linux"}
CHECK: dict[str, Any] = {
    "title": "Disk is encrypted",
    "category": "encryption",
    "severity": "high",
    "cis_level": "level_1",
    "platforms": ["linux"],
    "description": "Why it matters.",
    "query": "SELECT username AS state FROM users",
    "comparison_operator": "exists",
}


def test_a_policy_lives_through_the_api(api: Api) -> None:
    made = api.post(f"{C}/policies/", role="manager", json=MINE)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{C}/policies/my-laptops"
    body = made.json()
    assert body["id"] == "my-laptops"
    assert body["managed_by"] == "api"
    assert body["git"] is None
    assert body["check_count"] == 6
    assert body["created_at"] == "2026-06-01T12:00:00Z"
    assert api.get(made.headers["location"]).json() == body

    changed = api.put(made.headers["location"], json={"passing_score_threshold": 50})
    assert changed.status_code == 200
    assert changed.json()["passing_score_threshold"] == 50
    assert changed.json()["name"] == "My Laptops"
    restored = api.put(made.headers["location"] + "/", json={"passing_score_threshold": None})
    assert restored.json()["passing_score_threshold"] == 80

    assert api.delete(made.headers["location"]).status_code == 204
    assert api.get(made.headers["location"]).status_code == 404
    assert api.delete(made.headers["location"]).status_code == 404


def test_a_taken_id_and_a_taken_name_are_conflicts(api: Api) -> None:
    assert api.post(f"{C}/policies", json=MINE).status_code == 201
    for body in (MINE, {**MINE, "id": "another"}):
        answer = api.post(f"{C}/policies", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")


def test_a_git_policy_says_where_it_is_declared(api: Api) -> None:
    body = api.get(f"{C}/policies/servers").json()
    assert body["managed_by"] == "git"
    assert body["git"] == {
        "path": "policies/servers.yaml",
        "line": 2,
        "commit": "1a2b3c4d" * 5,
        "url": None,
    }


def test_changing_what_git_declares_is_refused_with_the_patch_that_would(
    api: Api, tmp_path: Path
) -> None:
    answer = api.put(f"{C}/policies/servers", json={"passing_score_threshold": 70})
    assert answer.status_code == 409
    body = answer.json()
    assert body["code"] == "GIT_MANAGED"
    assert "policies/servers.yaml:2 at 1a2b3c4" in body["detail"]
    assert body["managed_by"]["source"] == "default"
    assert body["conflicts"] == [
        {"field": "passing_score_threshold", "git_value": 80, "requested_value": 70}
    ]
    assert apply_patch(tmp_path, body["patch"])["policies/servers.yaml"] == POLICY.replace(
        "threshold: 80 ", "threshold: 70 "
    )
    assert api.get(f"{C}/policies/servers").json()["passing_score_threshold"] == 80


def test_deleting_what_git_declares_is_refused_with_the_patch_that_would(
    api: Api, tmp_path: Path
) -> None:
    answer = api.delete(f"{C}/exceptions/appliance")
    assert (answer.status_code, answer.json()["code"]) == (409, "GIT_MANAGED")
    assert "exceptions/appliance.yaml" not in apply_patch(tmp_path, answer.json()["patch"])


def apply_patch(folder: Path, patch: str) -> dict[str, str]:
    """The repository's files after git has applied a patch."""
    for path, text in base().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    subprocess.run(["git", "apply", "-"], cwd=folder, input=patch.encode(), check=True)
    found = folder.rglob("*.yaml")
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.mark.parametrize(
    "body", [{**MINE, "id": "servers"}, {**MINE, "name": "Linux servers"}], ids=["id", "name"]
)
def test_what_git_declares_cannot_be_made_again(api: Api, body: dict[str, Any]) -> None:
    answer = api.post(f"{C}/policies", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "GIT_MANAGED")


def test_saying_what_git_says_already_changes_nothing(api: Api) -> None:
    before = api.get(f"{C}/policies/servers")
    same = api.put(f"{C}/policies/servers", json={"passing_score_threshold": 80})
    assert same.status_code == 200
    assert same.json() == before.json()


def test_an_exception_that_touches_a_git_policy_is_refused_and_offered_as_a_file(
    api: Api, tmp_path: Path
) -> None:
    body = {
        "check_id": "high-1",
        "scope": "global",
        "reason": 'Vendor says: "later", we wait.',
        "expires_at": "2026-09-01",
    }
    answer = api.post(f"{C}/exceptions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "GIT_MANAGED")
    assert answer.json()["policies"] == ["servers"]
    files = apply_patch(tmp_path, answer.json()["patch"])
    api.controller.apply(files)
    assert api.get(f"{C}/exceptions/high-1").json()["reason"] == body["reason"]


def test_exceptions_through_the_api_obey_the_repositorys_limits(api: Api) -> None:
    files = base() | {"gitward.yaml": "api_exceptions: allow\nexceptions: {max_days: 60}\n"}
    del files["exceptions/appliance.yaml"]
    api.controller.apply(files)
    body = {"check_id": "high-1", "scope": "global", "reason": "Replaced in the summer."}
    for expires, status in ((None, 422), ("2026-12-01", 422), ("2026-05-01", 422)):
        answer = api.post(f"{C}/exceptions", json={**body, "expires_at": expires})
        assert answer.status_code == status, answer.text
        assert answer.json()["errors"]
    made = api.post(f"{C}/exceptions", json={**body, "expires_at": "2026-07-01T00:00:00+02:00"})
    assert made.status_code == 201, made.text
    assert made.json()["expires_at"] == "2026-06-30T22:00:00Z"
    assert made.json()["state"] == "expiring"


def test_where_git_alone_decides_every_write_is_forbidden(api: Api) -> None:
    assert api.post(f"{C}/policies", json=MINE).status_code == 201
    api.controller.apply(base() | {"gitward.yaml": "api_writes: deny\n"})
    answers = [
        api.post(f"{C}/policies", json={**MINE, "name": "More"}),
        api.put(f"{C}/policies/my-laptops", json={"enabled": False}),
        api.delete(f"{C}/policies/my-laptops"),
        api.post(f"{C}/checks", json=CHECK),
        api.post(f"{C}/checks/seed"),
    ]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "GIT_ONLY")}


def test_seeding_twice_changes_nothing_the_second_time(api: Api) -> None:
    first = api.post(f"{C}/checks/seed", role="manager").json()
    second = api.post(f"{C}/checks/seed", role="manager").json()
    assert first["created"] > 0
    assert second == {
        "created": 0,
        "updated": 0,
        "unchanged": first["created"],
        "git_managed": first["git_managed"],
    }
    builtin = api.get(f"{C}/checks", params={"managed_by": "builtin", "per_page": 1}).json()
    assert builtin["total"] == first["created"]
    # A git policy selects from git's checks alone.
    assert api.get(f"{C}/policies/servers").json()["check_count"] == 6


def test_a_check_takes_its_id_from_its_title(api: Api) -> None:
    made = api.post(f"{C}/checks", json=CHECK)
    assert made.status_code == 201, made.text
    assert made.json()["id"] == "disk-is-encrypted"
    refused = api.post(f"{C}/checks", json={**CHECK, "query": "SELECT nope FROM users"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "query"


def test_lists_filter_sort_search_and_page(api: Api) -> None:
    def ids(**params: object) -> list[str]:
        return [each["id"] for each in api.get(f"{C}/checks", params=params).json()["items"]]

    assert ids(severity="high") == ["high-1", "high-2"]
    assert ids(category="encryption", sort_order="desc") == ["med-2", "med-1"]
    assert ids(sort_by="severity") == ["crit-1", "high-1", "high-2", "med-1", "med-2", "low-1"]
    assert ids(search="TITLE OF low") == ["low-1"]
    assert ids(platform="windows") == []
    assert ids(cis_level="level_1", per_page=2, page=2) == ["high-2", "low-1"]
    envelope = api.get(f"{C}/checks", params={"per_page": 4}).json()
    assert {key: envelope[key] for key in ("total", "page", "per_page", "pages")} == {
        "total": 6,
        "page": 1,
        "per_page": 4,
        "pages": 2,
    }
    assert api.get(f"{C}/checks", params={"severity": "low", "managed_by": "api"}).json() == {
        "items": [],
        "total": 0,
        "page": 1,
        "per_page": 50,
        "pages": 0,
    }


def test_exceptions_are_found_by_state_check_and_machine(api: Api) -> None:
    agent = api.enroll()

    def ids(**params: object) -> list[str]:
        return [each["id"] for each in api.get(f"{C}/exceptions", params=params).json()["items"]]

    assert ids() == ids(state="active") == ids(check_id="low-1") == ["appliance"]
    assert ids(agent_uuid=agent.uuid) == ["appliance"]
    assert ids(state="scheduled") == ids(check_id="high-1") == ids(agent_uuid="nobody") == []
    api.controller.clock.now = api.controller.clock.now.replace(month=12, day=15)
    assert ids(state="expiring") == ids(state="active") == ["appliance"]
    shown = api.get(f"{C}/exceptions/appliance").json()
    assert (shown["state"], shown["agents_affected"]) == ("expiring", 1)
    api.controller.clock.forward(days=30)
    assert ids(state="expired") == ["appliance"]
    assert ids(state="active") == []


def test_a_tag_saves_the_second_answer_until_something_changes(api: Api) -> None:
    paths = ["policies", "policies/servers", "checks", "stats", "trend", "exceptions/appliance"]
    tags = {path: api.get(f"{C}/{path}").headers["etag"] for path in paths}
    for path, tag in tags.items():
        same = api.get(f"{C}/{path}", headers={"If-None-Match": f'"x", W/{tag}'})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == tag
    api.post(f"{C}/policies", json=MINE)
    for path, tag in tags.items():
        assert api.get(f"{C}/{path}", headers={"If-None-Match": tag}).status_code == 200


def test_a_tag_changes_when_time_alone_changes_the_answer(api: Api) -> None:
    tag = api.get(f"{C}/exceptions/appliance").headers["etag"]
    api.controller.clock.now = api.controller.clock.now.replace(month=12, day=1, hour=0)
    soon = api.get(f"{C}/exceptions/appliance", headers={"If-None-Match": tag})
    assert soon.json()["state"] == "expiring"


def test_a_write_on_an_old_version_is_refused_and_undone(api: Api) -> None:
    made = api.post(f"{C}/policies", json=MINE)
    path, first = made.headers["location"], made.headers["etag"]
    second = api.put(path, json={"enabled": False}, headers={"If-Match": first})
    assert second.status_code == 200
    late = api.put(path, json={"description": "late"}, headers={"If-Match": first})
    assert (late.status_code, late.json()["code"]) == (412, "PRECONDITION_FAILED")
    assert api.get(path).json()["description"] == ""
    assert api.delete(path, headers={"If-Match": first}).status_code == 412
    # A change elsewhere does not spoil an edit.
    api.post(f"{C}/checks", json=CHECK)
    assert api.delete(path, headers={"If-Match": second.headers["etag"]}).status_code == 204


def test_a_conflict_with_git_comes_before_an_old_version(api: Api) -> None:
    answer = api.put(
        f"{C}/policies/servers", json={"enabled": False}, headers={"If-Match": '"999-x"'}
    )
    assert answer.status_code == 409


def test_a_policy_is_run_now_for_those_it_matches(api: Api) -> None:
    agent = api.enroll()
    path = f"{C}/policies/servers/execute"
    everyone = api.post(path, role="technician")
    assert (everyone.status_code, everyone.json()) == (202, {"policy_id": "servers", "agents": 1})
    one = api.post(path, json={"agent_uuids": [agent.uuid]})
    assert one.json()["agents"] == 1
    assert api.post(f"{C}/policies/nothing/execute").status_code == 404
    assert api.post(path, json={"agent_uuids": ["x"]}).status_code == 422


def test_a_refused_write_is_kept_in_the_trail_and_told_as_an_event(api: Api) -> None:
    changed = {"passing_score_threshold": 1}
    assert api.put(f"{C}/policies/servers", json=changed, role="manager").status_code == 409
    assert api.delete(f"{C}/policies/servers", role="manager").status_code == 409

    entry = api.get("/api/v1/gitops/audit").json()["items"][0]
    assert (entry["action"], entry["object"]) == ("refused", "policy/servers")
    assert entry["actor"].startswith("api:manager")
    assert entry["revision"].startswith("main@sha1:")
    events = api.get("/api/v1/gitops/events").json()["items"]
    event = next(each for each in events if each["reason"] == "WriteRefused")
    assert (event["object"], event["count"]) == ("policy/servers", 2)
