"""Frozen reference: reports the plain way. FastAPI, pydantic, sqlite-utils, one transaction a post."""

from __future__ import annotations

import sqlite3
import sys
import threading
from typing import Any

import sqlite_utils
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class ResultIn(BaseModel):
    check_id: str
    digest: str | None = None
    status: str
    actual_value: Any = None
    details: str = ""
    rows: list[dict[str, str]] | None = None


class ReportIn(BaseModel):
    report_id: str
    collected_at: str
    results: list[ResultIn]


def create_app(path: str) -> FastAPI:
    app = FastAPI()
    lock = threading.Lock()
    database = sqlite_utils.Database(sqlite3.connect(path, check_same_thread=False))

    @app.post("/results/{machine}")
    def results(machine: str, report: ReportIn) -> dict[str, Any]:
        rows = [
            {
                "machine": machine,
                "check_id": each.check_id,
                "status": each.status,
                "actual_value": each.actual_value,
                "details": each.details,
                "rows": each.rows,
                "reported_at": report.collected_at,
            }
            for each in report.results
        ]
        with lock:
            database.table("result").upsert_all(rows, pk=("machine", "check_id"))
        return {"report_id": report.report_id, "accepted": len(rows)}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[2]), port=int(sys.argv[1]), log_level="error", access_log=False)
