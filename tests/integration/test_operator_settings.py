"""Several sources, signatures and notifications, as an operator sets them for the real command."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import CATALOG, POLICY
from tests.integration.served import Served, gitward, until
from tests.notify.receiver import receiver
from tests.reconcile.repository import Repository
from tests.require import require
from tests.source.signing import ssh_signer

Serve = Callable[..., Served]


def test_several_sources_are_served_each_with_its_own_limit(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    team = Repository(tmp_path / "team")
    team.commit(
        {
            "policies/web.yaml": POLICY.replace("Servers", "Web"),
            "checks/web.yaml": CATALOG.replace("demo", "web").replace("id: ", "id: web-"),
        }
    )
    file = tmp_path / "sources.yaml"
    file.write_text(
        f"sources:\n  - {{name: central, repo: {repository.path}}}\n"
        f"  - name: team\n    repo: {team.path}\n    limit: {{tags: [web]}}\n"
    )
    served = serve(
        None, "--sources", str(file), "--poll-interval", "10", GITWARD_ALLOW_FILE_SOURCES="true"
    )
    admin = served.client()

    def sources() -> dict[str, dict[str, object]]:
        listed = admin.get("/gitops/status").json()["sources"]
        return {each["name"]: each for each in listed if each["last_attempted_revision"]}

    found = until(lambda: len(seen := sources()) == 2 and seen, "both sources")
    assert found["central"]["last_applied_revision"] == f"main@sha1:{repository.head}"
    refused = until(lambda: sources()["team"]["problems"], "the limit's problem")
    assert refused[0]["code"] == "GW605"
    head = team.commit(
        {"policies/web.yaml": POLICY.replace("Servers", "Web") + "target_tags: [web]\n"}
    )
    until(
        lambda: sources()["team"]["last_applied_revision"] == f"main@sha1:{head}",
        "the team's revision",
    )
    assert admin.get("/compliance/policies/web").json()["managed_by"] == "git"


def test_only_signed_commits_come_into_force(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    require("ssh-keygen", shutil.which("ssh-keygen") is not None)
    ada = ssh_signer(tmp_path, "ada")
    good = ada.commit(repository, {"README.md": "signed"})
    served = serve(repository.path, "--verify", "head", "--allowed-signers", str(ada.public))
    admin = served.client()
    served.until_applied(admin, good)
    repository.commit({"policies/servers.yaml": POLICY.replace("80", "1")}, "Unsigned")
    until(
        lambda: any(
            c["reason"] == "VerificationFailed" for c in served.source(admin)["conditions"]
        ),
        "the refusal",
    )
    assert served.source(admin)["last_applied_revision"] == f"main@sha1:{good}"


def test_what_happens_is_told_signed_and_survives_a_receiver_that_is_away(
    repository: Repository, serve: Serve, tmp_path: Path
) -> None:
    with receiver() as siem:
        siem.statuses[:] = [503, 0]
        file = tmp_path / "notifications.yaml"
        file.write_text(
            f"targets:\n  - {{name: siem, type: webhook, url: {siem.url}, secret_env: SIEM_KEY}}\n"
        )
        served = serve(repository.path, "--notifications", str(file), SIEM_KEY="a-key")
        admin = served.client()
        served.until_applied(admin, repository.head)
        admin.delete("/compliance/policies/servers")

        def reasons() -> list[str]:
            return [json.loads(each.body)["data"]["reason"] for each in siem.received]

        until(lambda: "WriteRefused" in reasons(), "the refused write's message")
    assert [each for each in reasons() if each != "Applied"] == ["WriteRefused"]
    assert reasons().count("Applied") == 3
    got = siem.received[-1]
    digest = hmac.new(b"a-key", got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-gitward-signature"] == f"sha256={digest}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--repo"),
        (("--repo", ".", "--sources", "x.yaml"), "remove one"),
        (("--repo", ".", "--verify", "head"), "name whose count"),
        (("--repo", ".", "--allowed-signers", "x"), "verify is none"),
        (("--repo", ".", "--verify", "head", "--forge-key", "x"), "NAME=FILE"),
        (("--repo", ".", "--verify", "head", "--forge-key", "forge=/none"), "no file /none"),
        (("--repo", ".", "--notifications", "/none.yaml"), "/none.yaml cannot be read"),
    ],
)
def test_settings_that_do_not_go_together_are_a_usage_error(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    ran = gitward("serve", *arguments, "--data", str(tmp_path / "data"), "--port", "0", check=False)
    assert ran.returncode == 2
    assert told in ran.stderr
