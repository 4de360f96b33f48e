"""Secrets stay where they belong: in no answer, no log line, no row, no file, no error."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx

from controller.api.app import ROUTERS
from controller.api.route import Route
from controller.dashboard.app import PAGES
from tests.integration.served import Served, gitward, until
from tests.integration.test_webhooks import BODY, SIGNED
from tests.integration.test_webhooks import SECRET as HOOK_SECRET
from tests.notify.receiver import receiver
from tests.reconcile.repository import Repository
from tests.source.servers import git_http

URL_SECRET = "canary-in-the-address-Zx81"
TARGET_SECRET = "canary-of-a-target-Qm42"
COMMIT_SECRET = "canary-in-a-commit-Jk77"


def test_canaries_appear_nowhere(
    repository: Repository, serve: Callable[..., Served], tmp_path: Path
) -> None:
    message = f"Tidy up\n\nThe password is {COMMIT_SECRET}.\n\nToken: {COMMIT_SECRET}"
    head = repository.commit({"notes/secret.txt": COMMIT_SECRET}, message)
    with git_http(tmp_path) as remote, receiver() as siem:
        remote.username_password = "wanted"
        siem.statuses[:] = [404]
        notifications = tmp_path / "notifications.yaml"
        notifications.write_text(
            f"targets: [{{name: siem, type: webhook, url: '{siem.url}', secret_env: SIEM_KEY}}]\n"
        )
        url = remote.url().replace("http://", f"http://robot:{URL_SECRET}@")
        served = serve(
            url,
            *("--notifications", str(notifications), "--poll-interval", "10"),
            GITWARD_WEBHOOK_SECRET=HOOK_SECRET,
            SIEM_KEY=TARGET_SECRET,
        )
        admin = served.client()
        served.until_applied(admin, head)
        answers = everything(served, admin)
        assert remote.authorizations
        # And when the remote refuses: errors are where secrets slip out.
        remote.status = 500
        repository.commit({"README.md": "x"})
        post_hooks(served)
        until(lambda: served.source(admin)["failures"], "a failed fetch")
        answers += everything(served, admin)
        token = admin.headers["Authorization"].removeprefix("Bearer ")
        answers += [
            gitward(*command, "--data", str(served.data), check=False).stdout
            for command in (
                ("status",),
                ("events",),
                ("events", "--dead"),
                ("history",),
                ("verify",),
            )
        ]
        gitward("backup", str(tmp_path / "backup.db"), "--data", str(served.data))
        served.stop()

    secrets = [URL_SECRET, TARGET_SECRET, HOOK_SECRET, COMMIT_SECRET, token]
    secrets.append(base64.b64encode(f"robot:{URL_SECRET}".encode()).decode())
    texts = {
        "answers": "\n".join(answers),
        "log": "".join(served.errors) + "".join(served.output),
        "database": dump(served.data / "gitward.db"),
        "backup": dump(tmp_path / "backup.db"),
    }
    for file in served.data.rglob("*"):
        if file.is_file() and "objects" not in file.parts:
            texts[str(file)] = file.read_bytes().decode("latin-1")
    assert all("Tidy up" in texts[where] for where in ("answers", "database", "backup"))
    found = [
        (place, secret) for place, text in texts.items() for secret in secrets if secret in text
    ]
    assert found == []


def post_hooks(served: Served) -> None:
    address = f"{served.url}/api/v1/webhooks/default"
    wrong = {**SIGNED, "X-Hub-Signature-256": "sha256=" + "0" * 64}
    for provider, headers in (
        ("github", SIGNED),
        ("github", wrong),
        ("gitlab", {"X-Gitlab-Token": HOOK_SECRET, "X-Gitlab-Event": "Push Hook"}),
        ("gitlab", {"X-Gitlab-Token": HOOK_SECRET + "x"}),
    ):
        answer = httpx.post(f"{address}/{provider}", content=BODY, headers=headers)
        assert HOOK_SECRET not in answer.text


def everything(served: Served, admin: httpx.Client) -> list[str]:
    """Every answer that can be read, of the API and the dashboard, and some that refuse."""
    found = []
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, Route) and "GET" in (route.methods or ()):
                path = route.path.format(uuid="x", id="servers", sha="0" * 40)
                found.append(admin.get(f"{served.url}{path}?object=policy/servers").text)
                found.append(httpx.get(f"{served.url}{path}").text)
    for page in PAGES:
        path = page.path.format(uuid="x", id="servers", sha=applied(admin))
        found.append(admin.get(f"{served.url}{path}").text)
        found.append(httpx.get(f"{served.url}{path}").text)
    post_hooks(served)
    found.append(json.dumps(admin.delete("/compliance/policies/servers").json()))
    found.append(admin.post("/gitops/plan", json={"head": "0" * 40}).text)
    return found


def applied(admin: httpx.Client) -> str:
    """The commit in force, so that the pages about it have something to show."""
    revision: str = admin.get("/gitops/status").json()["sources"][0]["last_applied_revision"]
    return revision.rpartition(":")[2]


def dump(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump())
