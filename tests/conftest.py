"""For every test: what was skipped because this machine lacks it is named and counted at the end."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# No test asserts a time: a machine that is busy must not fail a property (on CI the library itself says so).
settings.register_profile(
    "untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lacking: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        lacking[reason.removeprefix("Skipped: ")] += 1
    if lacking:
        terminalreporter.section("not run on this machine")
        for reason, count in sorted(lacking.items()):
            terminalreporter.line(f"{count:5}  {reason}")
        terminalreporter.line(f"{sum(lacking.values()):5}  in all")
