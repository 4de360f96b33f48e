"""A whole controller is killed: one revision is in force, every message arrives, nothing is left behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from controller.failpoints import OUTBOX_POINTS, VARIABLE
from controller.store.store import open_store
from tests.integration.conftest import CATALOG, POLICY
from tests.integration.served import DEADLINE, Served, gitward, until
from tests.notify.receiver import Receiver, receiver
from tests.reconcile.repository import Repository

Serve = Callable[..., Served]
BROKEN: dict[str, str | None] = {"policies/servers.yaml": "name: [\n"}


@pytest.fixture
def siem() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def targets(folder: Path, siem: Receiver) -> tuple[str, str]:
    file = folder / "notifications.yaml"
    file.write_text(f"targets: [{{name: siem, type: webhook, url: '{siem.url}'}}]\n")
    return "--notifications", str(file)


def heard(siem: Receiver) -> list[tuple[str, str, str]]:
    """Id, reason and revision of what arrived, in order."""
    bodies = [json.loads(each.body) for each in siem.received]
    return [(each["id"], each["data"]["reason"], each["data"]["revision"]) for each in bodies]


def threshold(number: int) -> dict[str, str | None]:
    """A commit that changes the policy and the catalog together, so that a mix would be seen."""
    return {
        "policies/servers.yaml": POLICY.replace(": 80 ", f": {number} "),
        "checks/demo.yaml": CATALOG.replace("Root must not", f"In {number} root must not"),
    }


@pytest.mark.parametrize("point", OUTBOX_POINTS)
def test_a_message_outlives_a_kill_at_every_point_of_its_way(
    repository: Repository, serve: Serve, siem: Receiver, tmp_path: Path, point: str
) -> None:
    first = serve(repository.path, *targets(tmp_path, siem), **{VARIABLE: point})
    assert first.process.wait(DEADLINE) == -signal.SIGKILL
    sent = heard(siem)
    assert len(sent) == (0 if point == "before_send" else 1)

    second = serve(repository.path, *targets(tmp_path, siem))
    repository.commit(BROKEN)
    until(lambda: "InvalidConfiguration" in [each[1] for each in heard(siem)], "the next message")
    found = heard(siem)
    # At least once, in order, and known as a repetition by its id.
    assert found[: len(sent)] == sent
    distinct = list(dict.fromkeys(found))
    assert [reason for _, reason, _ in distinct] == ["Applied", "InvalidConfiguration"]
    assert len(found) == 2 + len(sent)
    assert gitward("events", "--waiting", "--data", str(second.data)).stdout.count("siem") == 0
    assert second.stop() == 0
    nothing_left(second)


def test_killed_at_any_time_exactly_one_revision_is_in_force_and_all_is_told(
    repository: Repository, serve: Serve, siem: Receiver, tmp_path: Path
) -> None:
    spread = random.Random(11)
    told = targets(tmp_path, siem)
    first = serve(repository.path, *told)
    agent = first.enroll()
    first.until_applied(first.client(), repository.head)
    agent.report(ssh_root="failed", tmp_nodev="passed")
    first.kill()
    known = {repository.head: 80}
    for number in range(60, 64):
        known[repository.commit(threshold(number))] = number
        running = serve(repository.path, *told)
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(spread.uniform(0.0, 1.0))
        running.kill()
        assert_whole(running.data, known)
    last = serve(repository.path, *told)
    last.until_applied(last.client(), repository.head)
    until(lambda: repository.head in str(heard(siem)), "the last message")
    assert last.stop() == 0
    assert assert_whole(last.data, known) == 63
    nothing_left(last)
    assert gitward("verify", "--data", str(last.data)).returncode == 0
    # What was applied was told, once or more, in the order in which it was applied.
    distinct = list(dict.fromkeys(heard(siem)))
    applied = [revision for _, reason, revision in distinct if reason == "Applied"]
    with closing(open_store(last.data)) as store, store.read() as reading:
        records = [each for each in reading.revisions(1, 100).items if each.result == "applied"]
    assert applied == [each.revision for each in reversed(records)]


def assert_whole(data: Path, known: dict[str, int]) -> int:
    """Policy, catalog, status and history are of one commit; its threshold."""
    with closing(open_store(data)) as store:
        assert store.integrity() == []
        with store.read() as reading:
            status = reading.source("default")
            in_force = reading.in_force()
            newest = next(
                each for each in reading.revisions(1, 9).items if each.result == "applied"
            )
            assert list(reading.verify_trail()) == []
            assert list(reading.verify_scores()) == []
    assert status is not None
    assert status.last_applied_revision == in_force.revision == newest.revision
    number = known[newest.sha]
    assert in_force.policies["servers"].document.passing_score_threshold == number
    text = in_force.checks["ssh-root"].document.description
    assert text.startswith("Root" if number == 80 else f"In {number} root")
    return number


def nothing_left(served: Served) -> None:
    """No child, no lock that keeps anybody out, no file half written."""
    here = str(served.data)
    assert not [
        each
        for each in psutil.process_iter(["cmdline"])
        if any(here in word for word in each.info["cmdline"] or ())
    ]
    mirror = served.data / "mirrors/default"
    assert sorted(each.name for each in mirror.iterdir()) == ["home", "lock", "mirror.git"]
    left = [*mirror.rglob("*.lock"), *mirror.rglob("tmp_*"), *mirror.rglob(".tmp-*")]
    assert left == []
    names = {each.name for each in served.data.iterdir()}
    assert names <= {"gitward.db", "gitward.db-wal", "gitward.db-shm", "lock", "mirrors"}
