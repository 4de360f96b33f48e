"""Lists of machines: filtered, sorted and cut so that a page costs little at any size of the fleet.

What can be counted is not counted again: the totals know how many machines have a risk or comply.
The rows of a page are found in the index that has their order, or, where a filter leaves few, from
the filter's own side; only those rows are then read whole.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from controller.model.machine import Machine
from controller.model.terms import RISK_LEVELS, RISK_NUMBER
from controller.scoring.ledger import OVERALL
from controller.store.columns import (
    flag,
    instant,
    moment_of,
    optional_moment,
    standing_of,
)
from controller.store.driver import Record, Value
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
_TABLES: Final = {"m": "machine m", "c": "contact c", "s": "score s"}
_FEW: Final = 2_000
"""So many machines are sorted by themselves rather than met on a walk along the order."""
_OF_AN_ID: Final = re.compile(r"[0-9A-Fa-f-]+")


@dataclass(frozen=True, slots=True)
class _Condition:
    """One filter: the table it looks at, and its SQL; every value is a parameter."""

    table: str
    sql: str
    values: tuple[Value, ...] = ()


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
        key = OVERALL
        if query.policy_id is not None:
            number = self.policy_numbers().get(query.policy_id)
            if number is None:
                return Page((), 0)
            key = number
        conditions = _conditions(query, as_of)
        if query.failing is not None:
            position = self.in_force().rulebook.positions.get(query.failing)
            if position is None:
                return Page((), 0)
            conditions.append(_failing(position))
        total = self._count(query, conditions, key)
        if (query.page - 1) * query.per_page >= total:
            return Page((), total)
        numbers, values = self._window(query, conditions, key, total)
        slot = self.judged().slot
        rows = self.db.all(
            f"SELECT {MACHINE}, {_STANDING}{MACHINE_FROM}"
            " LEFT JOIN score s ON s.slot = ? AND s.machine = m.number AND s.policy = ?"
            f" WHERE m.number IN ({numbers}){_order_by(query)}",
            [slot, key, *values],
        )
        now = instant(as_of)
        return Page(tuple(machine_row(row, now) for row in rows), total)

    def _count(self, query: MachineQuery, conditions: list[_Condition], key: int) -> int:
        """How many machines there are in the list; from counters where they know it."""
        if _by_standing(query, conditions):
            known = _known(query, self._total_of(key))
            if known is not None:
                return known
        if query.tag is not None and len(conditions) == 1 and query.policy_id is None:
            row = self.db.one("SELECT count(*) FROM machine_tag WHERE tag = ?", (query.tag,))
        else:
            source, values = self._source("c" if query.stale else "m", query, conditions, key)
            row = self.db.one(f"SELECT count(*){source}", values)
        return int(row[0]) if row else 0

    def _total_of(self, key: int) -> dict[str, int]:
        """The counters of the fleet, or of a policy, by name."""
        names = ("agents", "assessed", "compliant", *RISK_LEVELS)
        row = self.db.one(
            f"SELECT {', '.join(names)} FROM total WHERE slot = ? AND policy = ?",  # noqa: S608
            (self.judged().slot, key),
        )
        return dict(zip(names, row or (0,) * len(names), strict=True))

    def _window(
        self, query: MachineQuery, conditions: list[_Condition], key: int, total: int
    ) -> tuple[str, list[Value]]:
        """A query for the numbers of the machines on the page, and its parameters."""
        offset, order = (query.page - 1) * query.per_page, _order_by(query)
        if self._in_one_index(query, conditions, key, offset + query.per_page):
            scored = [_Condition("s", "s.hundredths IS NOT NULL")] * (query.sort_by == "score")
            of_key = _Condition("s", "s.slot = ? AND s.policy = ?", (self.judged().slot, key))
            where, values = _where([of_key, *conditions, *scored])
            numbers = f"SELECT s.machine FROM score s{where}"  # noqa: S608
            order = order.replace("m.number", "s.machine").replace("s.hundredths IS NULL, ", "")
        else:
            few = _by_standing(query, conditions) and _scored_only(query) and total <= _FEW
            ordered = _ORDER[query.sort_by][0][0]
            source, values = self._source("s" if few else ordered, query, conditions, key, ordered)
            numbers = f"SELECT m.number{source}"
        return f"{numbers}{order} LIMIT ? OFFSET ?", [*values, query.per_page, offset]

    def _in_one_index(
        self, query: MachineQuery, conditions: list[_Condition], key: int, last: int
    ) -> bool:
        """Whether the rows up to ``last`` stand in the index of scores, in order and without gaps."""
        if query.sort_by not in {"score", "risk_level"} or not _by_standing(query, conditions):
            return False
        if query.sort_by == "risk_level":
            # Who is not approved has no score, and comes last.
            return _scored_only(query) or last <= self._total_of(key)["agents"]
        assessed = query.compliant is not None or query.risk not in {None, "unknown"}
        return assessed or (query.risk is None and last <= self._total_of(key)["assessed"])

    def _source(
        self,
        lead: str,
        query: MachineQuery,
        conditions: list[_Condition],
        key: int,
        more: str = "m",
    ) -> tuple[str, list[Value]]:
        """FROM and WHERE; the order in which tables are walked is given, beginning with ``lead``."""
        used = {"m", lead, more, *(each.table for each in conditions)} | (
            {"s"} if _scored_only(query) else set()
        )
        tables, joins, before = "", list[_Condition](), list[Value]()
        if "s" in used and _scored_only(query):
            of_key = "s.machine = m.number AND s.slot = ? AND s.policy = ?"
            joins.append(_Condition("s", of_key, (self.judged().slot, key)))
        elif "s" in used:
            tables = " LEFT JOIN score s ON s.slot = ? AND s.policy = ? AND s.machine = m.number"
            before, used = [self.judged().slot, key], used - {"s"}
        if "c" in used:
            joins.append(_Condition("c", "c.machine = m.number"))
        walked = sorted(used, key=lambda each: (each != lead, each != "m"))
        names = " CROSS JOIN ".join(_TABLES[each] for each in walked)
        where, values = _where([*joins, *conditions])
        return f" FROM {names}{tables}{where}", [*before, *values]


def _by_standing(query: MachineQuery, conditions: list[_Condition]) -> bool:
    """Whether every filter looks at scores alone, and takes in only machines that have one."""
    return all(each.table == "s" for each in conditions) and query.assessed is None


def _scored_only(query: MachineQuery) -> bool:
    """Whether the filters leave out every machine that has no row of scores: who is not approved."""
    return any(each is not None for each in (query.risk, query.compliant, query.policy_id))


def _known(query: MachineQuery, totals: dict[str, int]) -> int | None:
    """What the counters say of a filter by risk, by compliance or by policy alone."""
    if query.risk is not None:
        return totals[query.risk] if query.compliant is None else None
    if query.compliant is not None:
        compliant = totals["compliant"]
        return compliant if query.compliant else totals["assessed"] - compliant
    return totals["agents"] if query.policy_id is not None else None


def _order_by(query: MachineQuery) -> str:
    """The ORDER BY clause; the machine's number settles ties."""
    first, *more = _ORDER[query.sort_by]
    # NULL scores last in both directions: what was not assessed is not at the top of any list.
    nulls = f"{first} IS NULL, " if query.sort_by in {"score", "risk_level"} else ""
    direction = "DESC" if query.descending else "ASC"
    return f" ORDER BY {nulls}" + ", ".join(f"{each} {direction}" for each in (first, *more))


def _where(conditions: list[_Condition]) -> tuple[str, list[Value]]:
    if not conditions:
        return "", []
    clause = " WHERE " + " AND ".join(each.sql for each in conditions)
    return clause, [value for each in conditions for value in each.values]


def _failing(position: int) -> _Condition:
    """That one bit of the failed bitmap is set, as a set of byte values: both databases know that."""
    index, bit = divmod(position, 8)
    wanted = tuple(bytes([value]) for value in range(256) if value >> bit & 1)
    marks = ", ".join("?" * len(wanted))
    clause = (
        "m.number IN (SELECT machine FROM posture"  # noqa: S608
        f" WHERE substr(failed, {index + 1}, 1) IN ({marks}))"
    )
    return _Condition("m", clause, wanted)


def _conditions(query: MachineQuery, as_of: datetime) -> list[_Condition]:
    """The filters; every name is from this file."""
    parts: list[_Condition] = []
    if query.search:
        parts.append(_search(query.search))
    if query.risk is not None:
        parts.append(_Condition("s", "s.risk = ?", (RISK_NUMBER[query.risk],)))
    if query.compliant is not None:
        parts.append(_Condition("s", "s.compliant = ?", (flag(query.compliant),)))
    if query.assessed is not None:
        parts.append(_Condition("s", f"s.hundredths IS {'NOT ' if query.assessed else ''}NULL"))
    if query.os is not None:
        parts.append(_Condition("m", "m.os = ?", (query.os,)))
    if query.tag is not None:
        tagged = "m.number IN (SELECT machine FROM machine_tag WHERE tag = ?)"
        parts.append(_Condition("m", tagged, (query.tag,)))
    if query.stale is not None:
        stale = "c.stale_at <= ?" if query.stale else "(c.stale_at IS NULL OR c.stale_at > ?)"
        parts.append(_Condition("c", stale, (instant(as_of),)))
    if query.status is not None:
        parts.append(_Condition("m", "m.status = ?", (query.status,)))
    return parts


def _search(words: str) -> _Condition:
    """Part of the hostname or, where it can be part of one, of the uuid."""
    pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    named = "lower(m.hostname) LIKE lower(?) ESCAPE '\\'"
    if not _OF_AN_ID.fullmatch(words):
        return _Condition("m", named, (pattern,))
    return _Condition("m", f"({named} OR m.uuid LIKE lower(?) ESCAPE '\\')", (pattern, pattern))
