"""Frozen reference: scores the plain way, a loop over every result of every machine."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

WEIGHTS = {"critical": 10, "high": 5, "medium": 3, "low": 1}


@dataclass(slots=True)
class Check:
    id: str
    severity: str


@dataclass(slots=True)
class Result:
    check: Check
    status: str


@dataclass(slots=True)
class Machine:
    number: int
    tags: tuple[str, ...]
    results: list[Result]


@dataclass(slots=True)
class Policy:
    id: str
    threshold: float
    checks: set[str]
    overrides: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Exemption:
    """An exception in force for everybody."""

    check_ids: set[str]


@dataclass(slots=True)
class Score:
    score: float | None
    risk: str
    compliant: bool | None


def score_policy(machine: Machine, policy: Policy, exempted: set[str]) -> Score:
    total = passed = 0
    failed = {"critical": 0, "high": 0, "medium": 0, "low": 0}
    unclear = False
    for result in machine.results:
        check = result.check
        if check.id not in policy.checks or check.id in exempted:
            continue
        severity = policy.overrides.get(check.id, check.severity)
        weight = WEIGHTS[severity]
        if result.status == "passed":
            total += weight
            passed += weight
        elif result.status == "failed":
            total += weight
            failed[severity] += 1
        elif result.status == "error":
            total += weight
            unclear = unclear or severity in ("critical", "high")
    if not total:
        return Score(None, "unknown", None)
    if failed["critical"]:
        risk = "critical"
    elif failed["high"] > 2:
        risk = "high"
    elif failed["high"] or failed["medium"] >= 5 or unclear:
        risk = "medium"
    else:
        risk = "low"
    score = passed / total * 100
    return Score(score, risk, score >= policy.threshold)


def score_machine(
    machine: Machine, policies: list[Policy], overall: Policy, exemptions: list[Exemption]
) -> dict[str, tuple[Score, Score]]:
    """Every policy's score and the overall one, with the exceptions and without."""
    exempted: set[str] = set()
    for exemption in exemptions:
        exempted |= exemption.check_ids
    scores = {}
    for policy in (*policies, overall):
        scores[policy.id] = (
            score_policy(machine, policy, exempted),
            score_policy(machine, policy, set()),
        )
    return scores


def open_database(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE score (machine INTEGER, policy TEXT, score REAL, risk TEXT, compliant INTEGER,"
        " bare_score REAL, bare_risk TEXT, bare_compliant INTEGER, PRIMARY KEY (machine, policy));"
        "CREATE INDEX score_order ON score (policy, score);"
        "CREATE TABLE history (machine INTEGER, policy TEXT, at TEXT, score REAL, risk TEXT, cause TEXT);"
        "CREATE INDEX history_machine ON history (machine);"
    )
    return database


def store_scores(
    database: sqlite3.Connection, machine: Machine, scores: dict[str, tuple[Score, Score]], at: str
) -> None:
    """Row by row; the caller begins and ends the one transaction."""
    for policy, (score, bare) in scores.items():
        database.execute(
            "INSERT OR REPLACE INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (machine.number, policy, score.score, score.risk, score.compliant,
             bare.score, bare.risk, bare.compliant),
        )  # fmt: skip
        database.execute(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)",
            (machine.number, policy, at, score.score, score.risk, "commit"),
        )


def count(database: sqlite3.Connection) -> list[tuple[object, ...]]:
    """The fleet's totals, by counting."""
    return database.execute(
        "SELECT policy, count(*), avg(score), sum(compliant), risk FROM score GROUP BY policy, risk"
    ).fetchall()
