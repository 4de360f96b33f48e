"""Count the fleet anew, machine by machine: what the counters must equal."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from controller.scoring.ledger import effective
from controller.scoring.standing import standings
from controller.store.port.fleet import CheckTotals, Totals
from controller.store.port.machines import MachineQuery
from controller.store.port.store import Reading


def recount(
    reading: Reading, as_of: datetime
) -> tuple[dict[str | None, Totals], dict[str, CheckTotals]]:
    moment = reading.moment(as_of)
    sums: dict[str | None, Counter[str]] = {None: Counter()}
    risks: dict[str | None, Counter[str]] = {None: Counter()}
    columns: dict[int, list[int]] = {}
    for machine, posture in reading.every_machine(limit=100_000):
        profile = moment.profile(machine.uuid, machine.os, machine.tags)
        keys: list[str | None] = [None, *profile.policies]
        for key, standing in zip(keys, standings(profile, posture), strict=True):
            row = sums.setdefault(key, Counter())
            risks.setdefault(key, Counter())[standing.risk] += 1
            row["agents"] += 1
            row["assessed"] += standing.hundredths is not None
            row["compliant"] += bool(standing.compliant)
            row["score_sum"] += standing.hundredths or 0
            row["bare_assessed"] += standing.bare_hundredths is not None
            row["bare_compliant"] += bool(standing.bare_compliant)
            row["bare_score_sum"] += standing.bare_hundredths or 0
        for column, bits in enumerate(effective(profile, posture)):
            for position in range(bits.bit_length()):
                if bits >> position & 1:
                    columns.setdefault(position, [0, 0, 0, 0])[column] += 1
    levels = ("critical", "high", "medium", "low", "unknown")
    totals = {
        key: Totals(**{**dict.fromkeys(_FIELDS, 0), **row}, risk={r: risks[key][r] for r in levels})
        for key, row in sums.items()
        if key in risks
    }
    places = reading.in_force().rulebook.positions
    checks = {
        id_: CheckTotals(*columns[position])
        for id_, position in places.items()
        if position in columns
    }
    return totals, checks


_FIELDS = (
    "agents",
    "assessed",
    "compliant",
    "score_sum",
    "bare_assessed",
    "bare_compliant",
    "bare_score_sum",
)


def assert_counters_equal_a_recount(reading: Reading, as_of: datetime) -> None:
    totals, checks = recount(reading, as_of)
    kept = reading.fleet_totals(as_of)

    assert kept.overall == totals.pop(None)
    assert {id_: each for id_, each in kept.policies.items() if each.agents} == totals
    assert kept.checks == checks
    assert list(reading.verify_scores()) == []
    rows = reading.machines(MachineQuery(per_page=10_000), as_of).items
    for row in rows:
        if row.machine.status != "approved":
            continue
        state = reading.machine_state(row.machine.uuid, as_of)
        assert state is not None
        found = reading.moment(as_of).score(
            row.machine.uuid, row.machine.os, row.machine.tags, state.posture
        )
        stored: Any = row.standing
        assert stored.hundredths == found.overall.hundredths
        assert stored.bare_hundredths == found.without_exceptions.hundredths
