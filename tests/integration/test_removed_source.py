"""A source is taken out of the file of sources: through the real command, status and confirmation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.integration.conftest import CATALOG, POLICY
from tests.integration.served import Served, gitward, until
from tests.reconcile.repository import Repository

Serve = Callable[..., Served]
TEAM: dict[str, str | None] = {
    "policies/web.yaml": POLICY.replace("Servers", "Web"),
    "checks/web.yaml": CATALOG.replace("demo", "web").replace("id: ", "id: web-"),
}


def sources_file(folder: Path, **repositories: Repository) -> tuple[str, str]:
    file = folder / "sources.yaml"
    lines = [f"  - {{name: {name}, repo: {each.path}}}\n" for name, each in repositories.items()]
    file.write_text("sources:\n" + "".join(lines))
    return "--sources", str(file)


def statuses(admin: httpx.Client) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in admin.get("/gitops/status").json()["sources"]}


def test_what_it_declared_stays_until_a_person_confirms_its_deletion(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    team = Repository(tmp_path / "team")
    team.commit(TEAM)
    allowed = {"GITWARD_ALLOW_FILE_SOURCES": "true"}
    first = serve(None, *sources_file(tmp_path, central=repository, team=team), **allowed)
    admin = first.client()
    until(
        lambda: all(each["last_applied_revision"] for each in statuses(admin).values()),
        "both sources in force",
    )
    first.stop()

    second = serve(None, *sources_file(tmp_path, central=repository), **allowed)
    admin = second.client()
    until(lambda: statuses(admin)["central"]["last_checked_at"], "the first pass")
    assert admin.get("/compliance/policies/web").json()["managed_by"] == "git"
    told = gitward("status", "--data", str(second.data), check=False)
    assert told.returncode == 1
    assert "SourceRemoved" in told.stdout
    assert "deletes policy/web" in told.stdout
    digest = statuses(admin)["team"]["held_plan"]["digest"]
    assert f"gitward confirm {digest}" in told.stdout
    metrics = httpx.get(f"{second.url}/metrics").text
    assert 'gitward_source_ready{source="team"} 0.0' in metrics

    assert gitward("confirm", digest, "--data", str(second.data)).returncode == 0
    until(lambda: "team" not in statuses(admin), "the removal")
    assert admin.get("/compliance/policies/web").status_code == 404
    assert admin.get("/compliance/policies/servers").status_code == 200
    assert not (second.data / "mirrors/team").exists()
    assert gitward("verify", "--data", str(second.data)).returncode == 0


def test_a_single_repository_that_becomes_a_file_is_adopted_whole(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    first = serve(repository.path)
    first.until_applied(first.client(), repository.head)
    first.stop()
    second = serve(
        None, *sources_file(tmp_path, central=repository), GITWARD_ALLOW_FILE_SOURCES="true"
    )
    admin = second.client()
    until(lambda: list(statuses(admin)) == ["central"], "the old source's end")
    policy = admin.get("/compliance/policies/servers").json()
    assert policy["managed_by"] == "git"
    assert gitward("verify", "--data", str(second.data)).returncode == 0
    assert gitward("status", "--data", str(second.data)).returncode == 0
