"""Lists of machines: filtered, sorted and cut so that a page costs little at any size of the fleet.

What can be counted is not counted again: the totals know how many machines have a risk or comply.
The rows of a page are met on a walk along the index that has their order, which stops at the end of
the page, or, where the filters leave few, are sorted by themselves; only they are read whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Final

from controller.model.machine import Machine
from controller.model.terms import RISK_LEVELS
from controller.scoring.ledger import OVERALL
from controller.store import machine_filter
from controller.store.columns import instant, moment_of, optional_moment, standing_of
from controller.store.driver import Record
from controller.store.machine_filter import (
    NOT_APPROVED,
    NOT_ASSESSED,
    Condition,
    Standings,
    Taken,
    filters_of,
    known_count,
    scored_only,
    standing_conditions,
    taken,
)
from controller.store.objects_read import ObjectsReading
from controller.store.port.machines import MachineQuery, MachineRow
from controller.store.port.page import Page

MACHINE: Final = (
    "m.number, m.uuid, m.hostname, m.os, m.arch, m.os_version, m.agent_version, m.tags, m.status,"
    " m.created_at, m.approved_at, m.approved_by, c.last_seen, c.reported_at"
)
MACHINE_FROM: Final = " FROM machine m JOIN contact c ON c.machine = m.number"
WALKED: Final = "coalesce(m.status, '') = 'approved'"
"""SQL: who is approved, where machines are walked by number. Not a bare comparison, for which a database
takes the index of statuses, and then sorts all machines for each portion of the walk."""
_STANDING: Final = (
    "c.stale_at, s.hundredths, s.risk, s.compliant,"
    " s.bare_hundredths, s.bare_risk, s.bare_compliant"
)
_ORDER: Final = {
    "hostname": ("m.hostname", "m.number"),
    "score": ("s.hundredths", "m.number"),
    "risk_level": ("s.risk", "m.number"),
    "last_seen": ("c.last_seen", "c.machine"),
    "os": ("m.os", "m.hostname", "m.number"),
    "created_at": ("m.created_at", "m.number"),
}
_PLAIN: Final = ("hostname", "last_seen", "os", "created_at")


@lru_cache(maxsize=4096)
def _tags(column: str) -> tuple[str, ...]:
    """Many machines have the same few: none of them is parsed twice."""
    return tuple(json.loads(column))


def machine_of(row: Record) -> Machine:
    """A machine from its row, in the order of ``MACHINE``."""
    return Machine(
        number=row[0],
        uuid=row[1],
        hostname=row[2],
        os=row[3],
        arch=row[4],
        os_version=row[5],
        agent_version=row[6],
        tags=_tags(row[7]),
        status=row[8],
        created_at=moment_of(row[9]),
        approved_at=optional_moment(row[10]),
        approved_by=row[11],
        last_seen=optional_moment(row[12]),
        reported_at=optional_moment(row[13]),
    )


def machine_row(row: Record, now: int) -> MachineRow:
    """A machine with its standing, from ``MACHINE`` and the columns after it."""
    return MachineRow(
        machine_of(row[:14]),
        standing_of(row[15:21]) if row[16] is not None else None,
        row[14] is not None and row[14] <= now,
    )


class MachineListReading(ObjectsReading):
    """Reads of lists."""

    def machines(self, query: MachineQuery, as_of: datetime) -> Page[MachineRow]:
        key, failing = OVERALL, None
        if query.policy_id is not None:
            number = self.policy_numbers().get(query.policy_id)
            if number is None:
                return Page((), 0)
            key = number
        if query.failing is not None:
            failing = self.in_force().rulebook.positions.get(query.failing)
            if failing is None:
                return Page((), 0)
        standings, share = self._standings(key), 1.0
        found, total = Taken(None), _counted(query, standings)
        if total is None:
            found = taken(self.db, filters_of(query, standings, failing, as_of))
            everybody = self._everybody()
            total = found.count(everybody)
            share = total / max(1, everybody)
        skip, last = (query.page - 1) * query.per_page, query.page * query.per_page
        if skip >= total:
            return Page((), total)
        if found.within is not None and total <= machine_filter.FEW:
            rows = self._listed(query, key, found.within, query.per_page, skip)
        else:
            walked = self._walk(_segments(query, standings), found, share, last)
            rows = self._listed(query, key, list(islice(walked, skip, last)), query.per_page)
        now = instant(as_of)
        return Page(tuple(machine_row(row, now) for row in rows), total)

    def _standings(self, key: int) -> Standings:
        """The scores of the fleet, or under a policy, and their counters."""
        slot = self.judged().slot
        names = ("agents", "assessed", "compliant", *RISK_LEVELS)
        rows = self.db.all(
            f"SELECT policy, {', '.join(names)} FROM total WHERE slot = ? AND policy IN (?, ?)",  # noqa: S608
            (slot, OVERALL, key),
        )
        counted = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
        nothing = dict.fromkeys(names, 0)
        totals, everybody = counted.get(key, nothing), counted.get(OVERALL, nothing)
        return Standings(slot, key, totals, totals["agents"] == everybody["agents"])

    def _everybody(self) -> int:
        row = self.db.one("SELECT count(*) FROM machine")
        return int(row[0]) if row else 0

    def _walk(
        self, segments: list[Condition], found: Taken, share: float, last: int
    ) -> Iterator[int]:
        """The numbers of a list's machines in its order.

        Args:
            segments: Queries that give every machine once, in that order.
            found: The machines of the list.
            share: Of the machines met on the way that are likely to be in it.
            last: How many of them are wanted.
        """
        size = int(2 * last / max(share, 0.001))  # twice what is likely: a second try costs more
        for segment in segments:
            start = 0
            while True:
                rows = self.db.all(
                    f"{segment.sql} LIMIT ? OFFSET ?", [*segment.values, size, start]
                )
                yield from found.of(chain.from_iterable(rows))
                if len(rows) < size:
                    break
                start += size
                size *= 16

    def _listed(
        self, query: MachineQuery, key: int, numbers: Collection[int], most: int, skip: int = 0
    ) -> list[Record]:
        """Machines with their standings, in the order of the list."""
        marks = ", ".join("?" * len(numbers))
        return self.db.all(
            f"SELECT {MACHINE}, {_STANDING}{MACHINE_FROM}"
            " LEFT JOIN score s ON s.slot = ? AND s.machine = m.number AND s.policy = ?"
            f" WHERE m.number IN ({marks}){_order_by(query)} LIMIT ? OFFSET ?",
            [self.judged().slot, key, *numbers, most, skip],
        )


def _counted(query: MachineQuery, standings: Standings) -> int | None:
    """How many machines there are, where the index of scores alone has them all in order."""
    others = (query.os, query.tag, query.stale, query.status, query.failing, query.search or None)
    if query.sort_by not in {"score", "risk_level"} or any(each is not None for each in others):
        return None
    return known_count(query, standings.totals)


def _order_by(query: MachineQuery) -> str:
    """The ORDER BY clause; the machine's number settles ties."""
    first, *more = _ORDER[query.sort_by]
    # NULL scores last in both directions: what was not assessed is not at the top of any list.
    nulls = f"{first} IS NULL, " if query.sort_by in {"score", "risk_level"} else ""
    direction = "DESC" if query.descending else "ASC"
    return f" ORDER BY {nulls}" + ", ".join(f"{each} {direction}" for each in (first, *more))


def _segments(query: MachineQuery, standings: Standings) -> list[Condition]:
    """Queries that together give every machine once, in the order of the list.

    Filters are not applied, but for those that the index of scores holds by the way.
    """
    direction = "DESC" if query.descending else "ASC"
    if query.sort_by in _PLAIN:
        table, column = (
            ("contact", "machine") if query.sort_by == "last_seen" else ("machine", "number")
        )
        columns = (each.partition(".")[2] for each in _ORDER[query.sort_by])
        order = ", ".join(f"{each} {direction}" for each in columns)
        return [Condition(f"SELECT {column} FROM {table} ORDER BY {order}")]  # noqa: S608

    def scored(*more: Condition) -> Condition:
        where = standings.where(*standing_conditions(query), *more)
        return Condition(f"SELECT machine FROM score WHERE {where.sql}", where.values)  # noqa: S608

    unscored = f"SELECT number FROM machine WHERE {NOT_APPROVED.where.sql}"  # noqa: S608
    if query.sort_by == "score":
        first = scored(Condition("hundredths IS NOT NULL"))
        order = f" ORDER BY hundredths {direction}, machine {direction}"
        null = scored(NOT_ASSESSED)
        last = Condition(
            f"{null.sql} UNION ALL {unscored} ORDER BY 1 {direction}",
            (*null.values, *NOT_APPROVED.where.values),
        )
        if scored_only(query):
            last = Condition(f"{null.sql} ORDER BY machine {direction}", null.values)
        return [Condition(first.sql + order, first.values), last]
    levels = scored()
    order = f" ORDER BY risk {direction}, machine {direction}"
    found = [Condition(levels.sql + order, levels.values)]
    if not scored_only(query):
        order = f" ORDER BY number {direction}"
        found.append(Condition(unscored + order, NOT_APPROVED.where.values))
    return found
