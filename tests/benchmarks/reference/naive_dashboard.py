"""Frozen reference: what a dashboard shows, counted from one row a machine and check."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def open_database(
    path: str,
    results: Iterable[tuple[int, str, str, str, str]],
    scores: Iterable[tuple[int, float | None, str, int | None]],
) -> sqlite3.Connection:
    """Fill the tables of the naive program.

    Args:
        path: Of the database.
        results: Machine, check, category, severity and status.
        scores: Machine, score, risk, compliant.
    """
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE result (machine INTEGER, check_id TEXT, category TEXT, severity TEXT, status TEXT,"
        " PRIMARY KEY (machine, check_id))"
    )
    database.execute("CREATE INDEX result_check ON result (check_id, status)")
    database.execute(
        "CREATE TABLE score (machine INTEGER PRIMARY KEY, score REAL, risk TEXT, compliant INTEGER)"
    )
    database.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?)", results)
    database.executemany("INSERT INTO score VALUES (?, ?, ?, ?)", scores)
    database.commit()
    return database


def dashboard(database: sqlite3.Connection) -> list[object]:
    """Totals, risks, categories and what fails most."""
    queries = (
        "SELECT count(*), count(score), avg(score), sum(compliant) FROM score",
        "SELECT risk, count(*) FROM score GROUP BY risk",
        "SELECT category, status, count(*) FROM result GROUP BY category, status",
        "SELECT check_id, severity, count(DISTINCT machine) AS failed FROM result WHERE status = 'failed'"
        " GROUP BY check_id ORDER BY failed DESC LIMIT 10",
    )
    return [database.execute(query).fetchall() for query in queries]
