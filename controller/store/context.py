"""What every part of a snapshot or a transaction shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from controller.model.documents import AnyDocument
from controller.model.managed import GitOrigin
from controller.model.terms import Kind, Platform
from controller.scoring.absorb import Catalog
from controller.scoring.carry import Carry
from controller.scoring.rulebook import Moment, Rulebook
from controller.store.columns import to_json
from controller.store.driver import Record, Session
from controller.store.port.configuration import InForce
from controller.store.port.fleet import FleetTotals


@dataclass(frozen=True, slots=True)
class Judged:
    """What the stored scores were judged by."""

    epoch: int = 0
    slot: int = 0
    """Which of the two sets of score rows readers see."""
    active: frozenset[str] = frozenset()
    """Exceptions that were active."""
    revision: str | None = None
    visible_revision: str | None = None
    """Of the rows that readers see; differs from ``revision`` while a fleet-wide change goes on."""
    changed_at: int = 0
    cursor: int | None = None
    """While a fleet-wide change goes on: the last machine number that has its new rows."""
    event: int | None = None
    carry: tuple[Carry, ...] = ()
    schedules: bool = False
    """Whether the fleet-wide change may move when machines become stale."""

    @property
    def target_slot(self) -> int:
        """The rows that belong to the newest epoch."""
        return self.slot if self.cursor is None else 1 - self.slot

    def slot_of(self, number: int) -> int | None:
        """Which rows of a machine are kept up to date now; none when its turn is still to come."""
        if self.cursor is None:
            return self.slot
        return 1 - self.slot if number <= self.cursor else None


Patience = tuple[tuple[str, int | None], ...]
"""By matching policy: microseconds after an evaluation until it is old; none where a calendar decides."""


class Cache:
    """Immutable values derived from the store, kept between snapshots. Swapped, never changed."""

    def __init__(self) -> None:
        self.in_force: InForce | None = None
        self.moments: dict[tuple[int, frozenset[str]], Moment] = {}
        self.catalog: tuple[int, Catalog] | None = None
        self.policy_numbers: tuple[int, Mapping[str, int]] | None = None
        self.judged: tuple[str | None, Judged] | None = None
        """With the column that it was read from."""
        self.span: tuple[int, datetime, datetime | None, Moment] | None = None
        self.totals: tuple[int, FleetTotals] | None = None
        self.first_applied: tuple[object, Mapping[str, datetime]] | None = None
        """With the very table of exceptions in force that it belongs to."""
        self.patience: tuple[int, dict[tuple[Platform, tuple[str, ...]], Patience]] | None = None

    def copy(self) -> Cache:
        """For a transaction: what it derives must not be seen by others unless it commits."""
        other = Cache()
        other.__dict__.update(self.__dict__)
        other.moments = dict(self.moments)
        return other

    def moment(self, generation: int, rulebook: Rulebook, active: frozenset[str]) -> Moment:
        """The compiled moment, shared by all that ask for the same."""
        key = (generation, active)
        found = self.moments.get(key)
        if found is None:
            found = rulebook.moment(active)
            recent = list(self.moments.items())[-3:]
            self.moments = dict([*recent, (key, found)])
        return found


class Written(Struct, frozen=True):
    """An object that was written: who wrote it need not parse it again."""

    document: AnyDocument
    origin: GitOrigin | None


class Context:
    """The session and the cache; base of every part."""

    snapshot = True
    """False where changes of one's own would be seen: what is read then is not shared."""

    def __init__(self, db: Session, cache: Cache) -> None:
        self.db = db
        self.cache = cache
        # Nobody else changes these while a snapshot or a transaction lasts.
        self._counters: dict[str, int] = {}
        self._judged: Judged | None = None
        self._judged_column: str | None = None
        self.reported = 0
        """When the newest report came that this transaction took."""
        self._stored: dict[tuple[Kind, str], Written | None] = {}
        """Objects that this transaction wrote since it last derived what is in force."""
        self._derived: int | None = None
        """The generation that it then had: what changed since is its own doing."""

    def begin(self) -> Record | None:
        """Read in one step what every transaction asks first; the row of the lease, if there is one."""
        lease, self._judged_column, generation = self.db.one(_FIRST) or (None, None, 0)
        self._counters["generation"] = generation
        return None if lease is None else (lease,)

    def finish(self) -> None:
        """Raise the change number, and write when the newest report came."""
        self.db.run(_LAST, (self.reported, self.reported))

    def counter(self, name: str) -> int:
        found = self._counters.get(name)
        if found is None:
            row = self.db.one("SELECT value FROM counter WHERE name = ?", (name,))
            found = self._counters[name] = int(row[0]) if row else 0
        return found

    def bump(self, name: str) -> None:
        """Raise a counter."""
        self.db.run("UPDATE counter SET value = value + 1 WHERE name = ?", (name,))
        self._counters.pop(name, None)

    def meta(self, name: str) -> Any:  # noqa: ANN401 - JSON
        row = self.db.one("SELECT value FROM meta WHERE name = ?", (name,))
        return None if row is None else json.loads(row[0])

    def set_meta(self, name: str, value: object) -> str:
        """Keep a value; returns it as it is stored."""
        column = to_json(value)
        self.db.run(
            "INSERT INTO meta (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, column),
        )
        return column

    def judged(self) -> Judged:
        """What the stored scores were judged by."""
        if self._judged is None:
            column = self._judged_column
            if column is None:
                row = self.db.one("SELECT value FROM meta WHERE name = 'judged'")
                column = row[0] if row else None
            kept = self.cache.judged
            if kept is None or kept[0] != column:
                kept = self.cache.judged = (column, _judged_of(column))
            self._judged = kept[1]
        return self._judged

    def save_judged(self, judged: Judged) -> None:
        # Not ``asdict``, which copies each of thousands of names.
        body = {each.name: getattr(judged, each.name) for each in fields(judged)}
        body |= {
            "active": _in_order(judged.active),
            "carry": [asdict(each) for each in judged.carry],
        }
        self._judged, self.cache.judged = judged, (self.set_meta("judged", body), judged)


@lru_cache(maxsize=4)
def _in_order(ids: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))  # thousands, and nearly always the very same set as the last time


def _judged_of(column: str | None) -> Judged:
    if column is None:
        return Judged()
    body = json.loads(column)
    carry = tuple(Carry(**each) for each in body.pop("carry"))
    active = frozenset(body.pop("active"))
    return Judged(**body, active=active, carry=carry)


_FIRST: Final = (
    "SELECT (SELECT value FROM meta WHERE name = 'lease'),"
    " (SELECT value FROM meta WHERE name = 'judged'),"
    " (SELECT value FROM counter WHERE name = 'generation')"
)
_LAST: Final = (
    "UPDATE counter SET value = CASE WHEN name = 'change' THEN value + 1 WHEN value < ? THEN ?"
    " ELSE value END WHERE name IN ('change', 'reported')"
)
