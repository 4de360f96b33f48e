"""Which machines a list takes in: numbers found filter by filter, each in the index that covers it.

Joined in the database, two filters that each take in much of a large fleet cost a look-up for every
machine. Read by themselves they cost a walk along an index each, and sets of numbers are compared
here. A filter that takes in nearly everybody is read as what it leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, filterfalse
from typing import Final, get_args

from controller.model.terms import RISK_NUMBER, EnrollmentStatus
from controller.store.columns import flag, instant
from controller.store.driver import Session, Value
from controller.store.port.machines import MachineQuery

FEW: Final = 2_000
"""So many machines are sorted by themselves rather than met on a walk along the order."""
_AMONG: Final = 10_000
"""Among so many, a filter looks at each rather than at everybody."""
_OTHERS: Final = tuple(each for each in get_args(EnrollmentStatus) if each != "approved")
_OF_AN_ID: Final = re.compile(r"[0-9A-Fa-f-]+")


@dataclass(frozen=True, slots=True)
class Condition:
    """What rows of a table fulfil; every value is a parameter."""

    sql: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The machines whose rows in one table fulfil a condition."""

    table: str
    column: str
    where: Condition

    def find(self, db: Session, among: set[int] | None) -> Iterable[int]:
        """Their numbers.

        Args:
            db: Where to look.
            among: Look at these alone; at every machine for none.
        """
        sql, values = (
            f"SELECT {self.column} FROM {self.table} WHERE {self.where.sql}",  # noqa: S608
            list(self.where.values),
        )
        if among is not None:
            sql += f" AND {self.column} IN ({', '.join('?' * len(among))})"
            values += among
        return chain.from_iterable(db.all(sql, values))


@dataclass(frozen=True, slots=True)
class Filter:
    """The machines that a filter takes in, or those that it leaves out."""

    numbers: tuple[Numbers, ...]
    leaves_out: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The machines of a list."""

    within: Set[int] | None
    """None: everybody but those left out."""
    without: Set[int] = frozenset()

    def of(self, numbers: Iterable[int]) -> Iterator[int]:
        """Those of some machines that are in the list."""
        if self.within is not None:
            return filter(self.within.__contains__, numbers)
        return filterfalse(self.without.__contains__, numbers)

    def count(self, everybody: int) -> int:
        """How many they are, out of that many machines."""
        return everybody - len(self.without) if self.within is None else len(self.within)


@dataclass(frozen=True, slots=True)
class Standings:
    """The scores that a list's filters look at, with what the counters know of them."""

    slot: int
    policy: int
    totals: Mapping[str, int]
    whole: bool
    """Whether every approved machine has a score there."""

    def where(self, *more: Condition) -> Condition:
        """The rows of these scores, narrowed by conditions."""
        every = (Condition("slot = ? AND policy = ?", (self.slot, self.policy)), *more)
        return Condition(
            " AND ".join(f"({each.sql})" for each in every),
            tuple(value for each in every for value in each.values),
        )

    def numbers(self, *more: Condition) -> Numbers:
        return Numbers("score", "machine", self.where(*more))


NOT_APPROVED: Final = Numbers(
    "machine", "number", Condition(f"status IN ({', '.join('?' * len(_OTHERS))})", _OTHERS)
)
"""They have no score."""
NOT_ASSESSED: Final = Condition("hundredths IS NULL")
_ASSESSED: Final = Condition("hundredths IS NOT NULL")


def taken(db: Session, filters: Iterable[Filter]) -> Taken:
    """The machines that every filter takes in."""
    within: set[int] | None = None
    without: set[int] = set()
    for each in filters:
        among = within if within is not None and len(within) <= _AMONG else None
        found = set(chain.from_iterable(part.find(db, among) for part in each.numbers))
        if each.leaves_out:
            without |= found
        else:
            within = found if within is None else within.intersection(found)
    if within is None:
        return Taken(None, without)
    within -= without
    return Taken(within)


def filters_of(
    query: MachineQuery, standings: Standings, failing: int | None, as_of: datetime
) -> list[Filter]:
    """The filters of a query, those first that take in few or cost little."""
    found = [*_by_machine(query), *_by_standing(query, standings)]
    if query.stale is not None:
        due = Numbers("contact", "machine", Condition("stale_at <= ?", (instant(as_of),)))
        found.append(Filter((due,), leaves_out=not query.stale))
    if query.os is not None:
        found.append(Filter((Numbers("machine", "number", Condition("os = ?", (query.os,))),)))
    if query.search:
        found.append(Filter((Numbers("machine", "number", _search(query.search)),)))
    if failing is not None:
        found.append(Filter((Numbers("posture", "machine", _failed(failing)),)))
    return found


def standing_conditions(query: MachineQuery) -> list[Condition]:
    """What a query asks of scores."""
    found = []
    if query.risk is not None:
        found.append(Condition("risk = ?", (RISK_NUMBER[query.risk],)))
    if query.compliant is not None:
        found.append(Condition("compliant = ?", (flag(query.compliant),)))
    if query.assessed is not None:
        found.append(_ASSESSED if query.assessed else NOT_ASSESSED)
    return found


def scored_only(query: MachineQuery) -> bool:
    """Whether the filters leave out every machine that has no row of scores: who is not approved."""
    return query.assessed is True or any(
        each is not None for each in (query.risk, query.compliant, query.policy_id)
    )


def known_count(query: MachineQuery, totals: Mapping[str, int]) -> int | None:
    """What the counters say of a filter by risk, by compliance or by policy alone."""
    if query.assessed is not None:
        return None
    if query.risk is not None:
        return totals[query.risk] if query.compliant is None else None
    if query.compliant is not None:
        compliant = totals["compliant"]
        return compliant if query.compliant else totals["assessed"] - compliant
    return totals["agents"] if query.policy_id is not None else None


def _by_machine(query: MachineQuery) -> Sequence[Filter]:
    found = []
    if query.tag is not None:
        found.append(
            Filter((Numbers("machine_tag", "machine", Condition("tag = ?", (query.tag,))),))
        )
    if query.status == "approved":
        found.append(Filter((NOT_APPROVED,), leaves_out=True))
    elif query.status is not None:
        of_status = Condition("status = ?", (query.status,))
        found.append(Filter((Numbers("machine", "number", of_status),)))
    return found


def _by_standing(query: MachineQuery, standings: Standings) -> Sequence[Filter]:
    """Filters by score, each from its smaller side."""
    if not scored_only(query):
        if query.assessed is None:
            return ()
        return (Filter((standings.numbers(NOT_ASSESSED), NOT_APPROVED)),)
    conditions = standing_conditions(query)
    known = known_count(query, standings.totals)
    many = known is not None and known * 2 > standings.totals["agents"]
    if not (standings.whole and (many or not conditions)):
        return (Filter((standings.numbers(*conditions),)),)
    others = tuple(standings.numbers(_unless(each)) for each in conditions)
    return (Filter((*others, NOT_APPROVED), leaves_out=True),)


def _unless(condition: Condition) -> Condition:
    column = condition.sql.partition(" ")[0]
    return Condition(f"{column} IS NULL OR NOT {condition.sql}", condition.values)


def _failed(position: int) -> Condition:
    """That one bit of the failed bitmap is set, as a set of byte values: both databases know that."""
    index, bit = divmod(position, 8)
    wanted = tuple(bytes([value]) for value in range(256) if value >> bit & 1)
    return Condition(f"substr(failed, {index + 1}, 1) IN ({', '.join('?' * len(wanted))})", wanted)


def _search(words: str) -> Condition:
    """Part of the hostname or, where it can be part of one, of the uuid."""
    pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    named = "lower(hostname) LIKE lower(?) ESCAPE '\\'"
    if not _OF_AN_ID.fullmatch(words):
        return Condition(named, (pattern,))
    return Condition(f"({named} OR uuid LIKE lower(?) ESCAPE '\\')", (pattern, pattern))
