from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.model.terms import RISK_LEVELS
from controller.store import machine_filter
from controller.store.port.machines import Claim, MachineQuery, MachineRow
from controller.store.store import SqlStore, open_store
from tests.builders import NOW, add_key, make_check, make_policy, make_report, sha, submit

LATER = NOW + timedelta(days=30)
FILTERS: dict[str, tuple[Any, ...]] = {
    "risk": (None, "critical", "low", "unknown"),
    "compliant": (None, True, False),
    "assessed": (None, False),
    "os": (None, "linux", "darwin"),
    "tag": (None, "web"),
    "stale": (None, True, False),
    "status": (None, "approved", "rejected"),
    "policy_id": (None, "linux-only"),
    "failing": (None, "check-1"),
    "search": ("", "HOST-1", "b"),
}
SORTS = ("hostname", "score", "risk_level", "last_seen", "os", "created_at")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """Machines of every kind: failing, silent, turned away, with a tag, long gone."""
    store = open_store(tmp_path_factory.mktemp("lists"))
    with store.write() as tx:
        everywhere = ("linux", "windows", "darwin")
        for number, severity in enumerate(("critical", "high", "medium", "low"), 1):
            check = make_check(f"check-{number}", severity=severity, platforms=everywhere)
            tx.put_object("check", check, actor="tests", as_of=NOW, create=True)
        for policy in (make_policy("all", target_os="all"), make_policy("linux-only")):
            tx.put_object("policy", policy, actor="tests", as_of=NOW, create=True)
        add_key(tx)
        for number in range(40):
            _enroll(tx, number)
    yield store
    store.close()


def _enroll(tx: Any, number: int) -> None:
    seen = NOW + timedelta(minutes=(number * 7) % 40)
    os: Any = ("linux", "windows", "darwin")[number % 3]
    token = f"token-{number}"
    claim = Claim(f"host-{number * 13 % 40:02}", os, "x86_64", "1.0", "Test")
    machine = tx.enroll(claim, sha("key"), sha(token), seen)
    if number % 5 == 0:
        tx.set_machine_tags(machine.uuid, ("web",), actor="tests", as_of=NOW)
    if number % 7 != 3:
        outcomes = {
            f"check-{each}": "failed" if (number >> each - 1) & 1 else "passed"
            for each in range(1, 5)
        }
        report = make_report(outcomes, report_id=f"00000000-0000-4000-8000-{number:012}")
        submit(tx, machine, token, report, seen)
    if number % 11 == 4:
        tx.set_machine_status(machine.uuid, "rejected", actor="tests", as_of=NOW)


def _everything(store: SqlStore, policy_id: str | None, failing: str | None) -> list[MachineRow]:
    """The fleet by the general statement alone, which the counters have no part in."""
    with store.read() as reading:
        query = MachineQuery(policy_id=policy_id, failing=failing, per_page=100)
        return list(reading.machines(query, LATER).items)


def _fits(row: MachineRow, query: MachineQuery) -> bool:
    standing, machine = row.standing, row.machine
    assessed = standing is not None and standing.hundredths is not None
    return (
        query.search.lower() in machine.hostname.lower() + " " + machine.uuid
        and (query.risk is None or (standing is not None and standing.risk == query.risk))
        and (
            query.compliant is None or (assessed and standing.compliant == query.compliant)  # type: ignore[union-attr]
        )
        and (query.assessed is None or assessed == query.assessed)
        and (query.os is None or machine.os == query.os)
        and (query.tag is None or query.tag in machine.tags)
        and (query.stale is None or row.stale == query.stale)
        and (query.status is None or machine.status == query.status)
    )


def _key(row: MachineRow, sort_by: str) -> Any:
    standing, machine = row.standing, row.machine
    match sort_by:
        case "score":
            return standing.hundredths if standing else None
        case "risk_level":
            return RISK_LEVELS.index(standing.risk) if standing else None
        case "os":
            return (machine.os, machine.hostname)
        case _:
            return getattr(machine, sort_by)


def _sorted(rows: list[MachineRow], sort_by: str, *, descending: bool) -> list[str]:
    valued = [row for row in rows if _key(row, sort_by) is not None]
    empty = [row for row in rows if _key(row, sort_by) is None]
    valued.sort(key=lambda r: (_key(r, sort_by), r.machine.number), reverse=descending)
    empty.sort(key=lambda r: r.machine.number, reverse=descending)
    return [row.machine.hostname for row in valued + empty]


@pytest.mark.parametrize("few", [2_000, 0], ids=["sorted by themselves", "met on a walk"])
@pytest.mark.parametrize("pair", list(itertools.combinations(FILTERS, 2)), ids="-".join)
def test_a_page_is_what_filtering_and_sorting_the_whole_fleet_gives(
    fleet: SqlStore, pair: tuple[str, str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_filter, "FEW", few)
    monkeypatch.setattr(machine_filter, "_AMONG", few)
    for values in itertools.product(*(FILTERS[name] for name in pair)):
        chosen = dict(zip(pair, values, strict=True))
        everything = _everything(fleet, chosen.get("policy_id"), chosen.get("failing"))
        wanted = [row for row in everything if _fits(row, MachineQuery(**chosen))]
        for sort_by, descending in itertools.product(SORTS, (False, True)):
            names = _sorted(wanted, sort_by, descending=descending)
            for page in (1, 2):
                query = MachineQuery(
                    **chosen,
                    sort_by=sort_by,  # type: ignore[arg-type]
                    descending=descending,
                    page=page,
                    per_page=15,
                )
                with fleet.read() as reading:
                    found = reading.machines(query, LATER)
                    shown = [row.machine.hostname for row in found.items]
                    assert (shown, found.total) == (
                        names[(page - 1) * 15 : page * 15],
                        len(names),
                    ), query


def test_a_page_beyond_the_end_is_empty_and_says_how_many_there_are(fleet: SqlStore) -> None:
    with fleet.read() as reading:
        found = reading.machines(MachineQuery(page=99), LATER)

    assert (found.items, found.total) == ((), 40)


def test_the_list_of_a_policy_that_does_not_exist_is_empty(fleet: SqlStore, tmp_path: Path) -> None:
    with fleet.read() as reading:
        assert reading.machines(MachineQuery(policy_id="nobody"), LATER).total == 0
        assert reading.machines(MachineQuery(failing="nothing"), LATER).total == 0
