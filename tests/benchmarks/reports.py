"""Reports as the reference agent writes them: rows, what was seen, the definition's digest."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.benchmarks.repository import check_id, expectation


class Speaker:
    """One machine with its answers; a seed gives the same ones at every run."""

    def __init__(self, number: int, digests: Sequence[str], seed: int = 11) -> None:
        self._fate = random.Random(f"{seed}/{number}")
        self._number = number
        self._digests = digests
        self.passed = [self._fate.random() < 0.85 for _ in digests]
        self._parts = [self._part(n) for n in range(len(digests))]

    def change(self, count: int) -> None:
        """Let so many answers turn over."""
        for n in self._fate.sample(range(len(self.passed)), count):
            self.passed[n] = not self.passed[n]
            self._parts[n] = self._part(n)

    def body(self, at: datetime | None = None) -> bytes:
        """A report with an id and a time of its own: now, when none is given."""
        now = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        results = ",".join(self._parts)
        return f'{{"report_id":"{uuid.uuid4()}","collected_at":"{now}","results":[{results}]}}'.encode()

    def _part(self, n: int) -> str:
        wanted = expectation(n)
        value = wanted if self.passed[n] else "0"
        row = {"path": f"/etc/conf-{n}", "value": value}
        if n % 4 == 0:
            row["host"] = f"machine-{self._number:06}"
        result = {
            "check_id": check_id(n),
            "digest": self._digests[n],
            "status": "passed" if self.passed[n] else "failed",
            "actual_value": value,
            "details": f"value is {value}; expected {wanted}",
            "rows": [row],
        }
        return json.dumps(result, separators=(",", ":"))
