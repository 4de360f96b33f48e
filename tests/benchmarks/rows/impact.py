"""What a pull request would do to the fleet: the whole of ``POST /gitops/plan`` but HTTP.

Parse, plan, score 100,000 machines x 200 checks under both configurations as they are read from the store,
answer. The reference is a loop over results held in memory, for fewer machines, since it is linear in
them; each machine is scored before and after too. Times are the processor's, medians of rounds taken in
turn, so that what else the machine does counts for neither.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.model.posture import Posture
from controller.reconcile.preview import PlanRequest, Previewer
from controller.store.columns import bitmap, instant
from controller.store.port.fleet import Cause
from tests.api.server import Controller, controller
from tests.benchmarks.measure import Outcome, faster, figure, interleave, show
from tests.reconcile.fleets import SEVERITIES, yaml

MACHINES = 100_000
CHECKS = 200
FEW = 1_000
WEIGHTS = {"critical": 10, "high": 5, "medium": 3, "low": 1}
TAGS: tuple[tuple[str, ...], ...] = ((), ("web",), ("db",), ("db", "eu"))


def files() -> dict[str, str]:
    checks = "".join(
        "  - "
        + json.dumps({
            "id": f"check-{number}", "title": "T", "category": "firewall", "description": "D",
            "severity": SEVERITIES[number % 4], "cis_level": "level_1", "platforms": ["linux"],
            "query": f"SELECT username FROM users WHERE uid = {number}",
            "comparison_operator": "exists",
        })
        + "\n"
        for number in range(CHECKS)
    )  # fmt: skip
    policies: dict[str, Any] = {
        "all": {},
        "web": {"target_tags": ["web"], "passing_score_threshold": 90},
        "db": {"target_tags": ["db"], "exclude_checks": ["check-1?"]},
    }
    plain = {"cis_level": "level_1", "target_os": "linux"}
    return {
        "checks/all.yaml": f"catalog: all\ntitle: All\nchecks:\n{checks}",
        **{
            f"policies/{id_}.yaml": yaml({"name": id_, **plain, **more})
            for id_, more in policies.items()
        },
    }


def fill(made: Controller, machines: int) -> list[Posture]:
    """Machines with random postures, written in bulk; their scores follow as after any change."""
    fate = random.Random(1)
    now = instant(made.clock.now)
    postures = []
    with made.store.write() as tx:
        session: Any = tx
        places = list(tx.in_force().rulebook.positions.values())
        for number in range(1, machines + 1):
            masks = [0, 0, 0, 0]
            for place in places:
                masks[fate.choices((0, 1, 2, 3), (84, 12, 2, 2))[0]] |= 1 << place
            postures.append(Posture(*masks))
            session.db.run(
                "INSERT INTO machine (number, uuid, hostname, os, arch, os_version, agent_version,"
                " tags, status, created_at, approved_at, approved_by)"
                " VALUES (?, ?, ?, 'linux', 'x86_64', '12', '1', ?, 'approved', ?, ?, 'bench')",
                (number, str(uuid.UUID(int=number)), f"host-{number}",
                 json.dumps(TAGS[number % 4]), now, now),
            )  # fmt: skip
            session.db.run(
                "INSERT INTO contact (machine, last_seen, reported_at, collected_at, evaluated,"
                " recent, stale_at) VALUES (?, ?, ?, ?, '{}', '', NULL)",
                (number, now, now, now),
            )
            session.db.run(
                "INSERT INTO posture (machine, passed, failed, errored, not_applicable)"
                " VALUES (?, ?, ?, ?, ?)",
                (number, *(bitmap(bits) for bits in masks)),
            )
        cause = Cause("enrollment", "bench")
        session._begin_fleet_change(session.judged(), cause, made.clock.now, (), schedules=False)
    more = True
    while more:
        with made.store.write() as tx:
            more = tx.continue_rescoring(made.clock.now)
    return postures


def naive(results: Sequence[Sequence[tuple[str, str, str]]], exempted: str) -> float:
    """Seconds a machine: the plain loop, twice for each of three policies and overall."""
    started = time.process_time()
    for machine in results:
        for hidden in ("", exempted):
            for _ in range(4):
                total = passed = 0
                failed = dict.fromkeys(WEIGHTS, 0)
                for check_id, severity, outcome in machine:
                    if check_id == hidden or outcome == "not_applicable":
                        continue
                    total += WEIGHTS[severity]
                    passed += WEIGHTS[severity] * (outcome == "passed")
                    failed[severity] += outcome == "failed"
                _ = passed * 10_000 // total
    return (time.process_time() - started) / len(results)


def waiver(check: str, end: str) -> str:
    return yaml(
        {
            "check_id": check,
            "scope": "global",
            "reason": "For the benchmark alone.",
            "expires_at": end,
        }
    )


def many_changes(end: str) -> dict[str, str | None]:
    """Ways to weaken, each of which is weighed alone, and twenty exceptions."""
    before = files()
    weaker = (
        before["policies/web.yaml"].replace("90", "60") + 'severity_overrides: {"check-0": "low"}\n'
    )
    milder = before["checks/all.yaml"].replace('"severity": "critical"', '"severity": "low"', 3)
    exceptions = {
        f"exceptions/new-{number}.yaml": waiver(f"check-{number}", end) for number in range(20)
    }
    return {"policies/web.yaml": weaker, "checks/all.yaml": milder, **exceptions}


def rows() -> list[Outcome]:
    with TemporaryDirectory() as folder, controller(Path(folder)) as made:
        made.apply(files())
        postures = fill(made, MACHINES)
        with made.store.read() as reading:
            places = reading.in_force().rulebook.positions
        results = [
            [
                (f"check-{n}", SEVERITIES[n % 4], posture.outcome(places[f"check-{n}"]))
                for n in range(CHECKS)
            ]
            for posture in postures[:FEW]
        ]
        end = (made.clock.now + timedelta(days=30)).date().isoformat()
        previewer = made.services.preview
        assert isinstance(previewer, Previewer)

        def ask(changes: dict[str, str | None]) -> float:
            started = time.process_time()
            body = previewer.preview(PlanRequest(files=changes), made.clock.now)
            taken = time.process_time() - started
            if not body["impact"]["agents_changed"]:
                raise RuntimeError("nothing changes: there is nothing to measure")
            return taken

        one: dict[str, str | None] = {"exceptions/new.yaml": waiver("check-4", end)}
        many = many_changes(end)
        theirs, ours, more = interleave(
            3, lambda: naive(results, "check-4") * MACHINES, lambda: ask(one), lambda: ask(many)
        )
    name = "100,000 machines x 200 checks"
    return [
        faster(
            f"impact of a global exception, {name}",
            "loop over results in memory (processor time)",
            theirs,
            ours,
            3,
        ),
        figure(f"impact of 20 exceptions and 5 weakenings, {name}", show(more, "s")),
    ]
