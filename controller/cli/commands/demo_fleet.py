"""``gitward demo-fleet``: machines that do not exist, speaking the agents' API to a controller."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Final, TypeVar

from controller import __version__
from controller.cli import exit_codes
from controller.cli.options import option, path_unless_empty
from controller.cli.serving.demo_machines import DemoMachine, cannot_tell, machines, passes, rows
from controller.errors import TryLaterError, UsageError
from controller.model.machine import Asked
from controller.model.report import Report, Result
from controller.scoring.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.agent.client import Client
    from controller.agent.identity import Identity

T = TypeVar("T")
_ATTEMPTS: Final = 8
_MOST_WAIT: Final = 10.0
"""Seconds between attempts; a controller that is only busy takes less."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--server", required=True, metavar="URL", help="the controller's address")
    option(
        parser,
        "--enrollment-key",
        required=True,
        metavar="KEY",
        help="with as many uses as there are machines; its tags decide their policies",
    )
    option(parser, "--machines", type=int, default=100, metavar="N", help="how many (default: 100)")
    option(parser, "--seed", type=int, default=1, help="equal seeds give equal fleets (default: 1)")
    option(
        parser,
        "--days",
        type=int,
        default=1,
        metavar="D",
        help="report so many days of drift, one after the other, all received now (default: 1)",
    )
    option(
        parser, "--parallel", type=int, default=8, metavar="N", help="requests at a time, 1 to 64"
    )
    option(
        parser, "--ca-file", type=path_unless_empty, metavar="FILE", help="trust these authorities"
    )
    option(parser, "--insecure-http", action="store_true", help="allow http:// to another machine")


def run(options: argparse.Namespace) -> int:
    """Enrol the machines and report for them."""
    from controller.agent.client import Client

    if not 1 <= options.days <= 365:
        raise UsageError(f"--days is {options.days}; expected 1 to 365")
    if not 1 <= options.parallel <= 64:
        raise UsageError(f"--parallel is {options.parallel}; expected 1 to 64")
    fleet = machines(options.machines, options.seed)
    with (
        Client(
            options.server, ca_file=options.ca_file, insecure_http=options.insecure_http
        ) as client,
        ThreadPoolExecutor(options.parallel) as pool,
    ):
        crew = [_Simulated(demo, client, options.seed) for demo in fleet]
        list(pool.map(lambda each: each.enroll(options.enrollment_key), crew))
        _say(f"{len(crew)} machines enrolled")
        for day in range(options.days):
            risks = Counter(pool.map(_Simulated.report, crew, repeat(day)))
            told = ", ".join(f"{count} {risk}" for risk, count in sorted(risks.items()))
            _say(f"day {day + 1}: {told}")
    return exit_codes.OK


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class _Simulated:
    """One machine's agent."""

    demo: DemoMachine
    client: Client
    seed: int
    identity: Identity | None = None
    asked: Sequence[Asked] = ()

    def enroll(self, key: str) -> None:
        """Take part."""
        claim = {
            "hostname": self.demo.hostname,
            "os": self.demo.os,
            "arch": self.demo.arch,
            "agent_version": __version__,
            "os_version": self.demo.os_version,
        }
        self.identity = _patiently(lambda: self.client.register(key, claim))

    def report(self, day: int) -> str:
        """Answer what is due, or tell of changes when nothing is; the risk level that follows."""
        from controller.agent.wire import Work, report_body

        identity = self.identity
        if identity is None:
            raise UsageError("enrol first")
        work = _patiently(lambda: self.client.work(identity))
        run_id = None
        if isinstance(work, Work):
            self.asked, run_id = work.asked(), work.run_id
        results = tuple(self._result(each, day) for each in self.asked)
        report = Report(str(uuid.uuid4()), datetime.now(UTC), results, run_id)
        receipt = _patiently(lambda: self.client.report(identity, report_body(report)))
        return receipt.score.risk_level if receipt.score else "unknown"

    def _result(self, asked: Asked, day: int) -> Result:
        check_id = asked.check_id
        if cannot_tell(self.demo, check_id, self.seed):
            return Result(
                check_id, "error", details="the table could not be read", digest=asked.digest
            )
        good = passes(self.demo, check_id, self.seed, day)
        operator, expected = asked.comparison_operator, asked.expected_result
        found = tuple(rows(operator, expected, good=good))
        verdict = judge(operator, expected, found)
        value = dict(found[0]) if found else None
        return Result(check_id, verdict.outcome, found, value, verdict.details, asked.digest)


def _patiently(call: Callable[[], T]) -> T:
    """Try again as the controller asks, a few times.

    Raises:
        TryLaterError: It is still too busy, or away.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return call()
        except TryLaterError as error:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(min(error.after if error.after is not None else attempt, _MOST_WAIT))
    raise AssertionError  # pragma: no cover - the last attempt returns or raises
