"""Stores with a given number of machines, made quickly, under a small configuration of the API's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from controller.model.documents import Check
from controller.model.report import Report, Result
from controller.model.terms import KNOWN_CATEGORIES, SEVERITIES
from controller.store.port.machines import Claim
from controller.store.port.reports import Submission
from controller.store.port.store import Store, Writing
from controller.store.store import open_store
from tests.builders import NOW, add_key, make_check, make_policy, make_waiver, sha

CHECKS = 12
ADMIN = "gwu_admin-of-the-tests"
_BATCH = 2_000


def store_of(folder: Path, machines: int) -> Store:
    """A store with policies, checks, exceptions and that many machines, every one of which reported."""
    store = open_store(folder)
    with store.write() as writing:
        _configure(writing)
        add_key(writing)
        writing.add_token(
            "admin", "admin", "admin", sha(ADMIN), actor="tests", as_of=NOW, expires_at=None
        )
    for start in range(0, machines, _BATCH):
        with store.write() as writing:
            enroll(writing, range(start, min(start + _BATCH, machines)))
    return store


def checks() -> list[Check]:
    return [
        make_check(
            f"check-{number:02}",
            category=KNOWN_CATEGORIES[number % len(KNOWN_CATEGORIES)],
            severity=SEVERITIES[number % 4],
            platforms=("linux", "windows", "darwin"),
        )
        for number in range(CHECKS)
    ]


def _configure(writing: Writing) -> None:
    for check in checks():
        writing.put_object("check", check, actor="tests", as_of=NOW, create=True)
    policy = make_policy("base", target_os="all", passing_score_threshold=60)
    writing.put_object("policy", policy, actor="tests", as_of=NOW, create=True)
    for number in range(3):
        waiver = make_waiver(f"waiver-{number}", check_id=f"check-{number:02}")
        writing.put_object("exception", waiver, actor="tests", as_of=NOW, create=True)


def enroll(writing: Writing, numbers: range) -> None:
    submissions = []
    for number in numbers:
        platform = ("linux", "windows", "darwin")[number % 3]
        claim = Claim(f"host-{number:06}", platform, "x86_64", "1.0", "Test 1")  # type: ignore[arg-type]
        machine = writing.enroll(claim, sha("key"), sha(f"token-{number}"), NOW)
        results = tuple(
            Result(f"check-{each:02}", "failed" if (number * 7 + each) % 9 == 0 else "passed")
            for each in range(CHECKS)
        )
        at = NOW + timedelta(seconds=1)
        report = Report(f"00000000-0000-4000-8000-{number:012}", at, results)
        submissions.append(Submission(machine.uuid, sha(f"token-{number}"), report, at))
    writing.record_reports(submissions)
