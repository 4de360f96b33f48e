"""Valid objects with few words; every field can be said."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.model.documents import Check, Policy, Waiver
from controller.model.machine import Machine
from controller.model.report import Report, Result
from controller.store.port.machines import Claim
from controller.store.port.reports import Submission
from controller.store.port.store import Writing

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def make_check(id: str = "check-1", **fields: Any) -> Check:
    base: dict[str, Any] = {
        "id": id,
        "title": f"Title of {id}",
        "category": "firewall",
        "severity": "medium",
        "cis_level": "level_1",
        "platforms": ("linux",),
        "description": "What is checked.",
        "query": f"SELECT '{id}' AS id",
        "comparison_operator": "exists",
    }
    return Check(**(base | fields))


def make_policy(id: str = "policy-1", **fields: Any) -> Policy:
    base: dict[str, Any] = {
        "id": id,
        "name": f"Name of {id}",
        "cis_level": "level_1",
        "target_os": "linux",
    }
    return Policy(**(base | fields))


def make_waiver(id: str = "waiver-1", **fields: Any) -> Waiver:
    base: dict[str, Any] = {
        "id": id,
        "check_id": "check-1",
        "scope": "global",
        "reason": "Known and accepted for the tests.",
        "expires_at": NOW + timedelta(days=30),
    }
    if "check_ids" in fields:
        base.pop("check_id")
    return Waiver(**(base | fields))


def sha(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def add_key(tx: Writing, *, tags: tuple[str, ...] = (), secret: str = "key", **fields: Any) -> str:
    settings: dict[str, Any] = {
        "tags": tags,
        "uses": None,
        "actor": "tests",
        "as_of": NOW,
        "expires_at": None,
    }
    key_id = fields.pop("id", f"id-{secret}")
    tx.add_enrollment_key(key_id, secret, sha(secret), **(settings | fields))
    return sha(secret)


def enroll(
    tx: Writing,
    token: str,
    *,
    os: Any = "linux",
    key: str = "key",
    hostname: str | None = None,
    at: datetime = NOW,
) -> Machine:
    claim = Claim(hostname or f"host-{token}", os, "x86_64", "1.0", "Test 1")
    return tx.enroll(claim, sha(key), sha(token), at)


def make_report(
    outcomes: Mapping[str, str] | Sequence[Result],
    *,
    at: datetime = NOW,
    report_id: str | None = None,
    run_id: str | None = None,
) -> Report:
    if isinstance(outcomes, Mapping):
        results = tuple(Result(id_, status) for id_, status in outcomes.items())  # type: ignore[arg-type]
    else:
        results = tuple(outcomes)
    return Report(report_id or str(uuid.uuid4()), at, results, run_id)


def submit(tx: Writing, machine: Machine, token: str, report: Report, at: datetime = NOW) -> Any:
    (answer,) = tx.record_reports([Submission(machine.uuid, sha(token), report, at)])
    if isinstance(answer, Exception):
        raise answer
    return answer
