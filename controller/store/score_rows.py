"""Score rows and counters: gathered in a transaction, then written once a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from typing import Any, Final

from controller.scoring.ledger import OVERALL, Ledger
from controller.scoring.many import Column
from controller.scoring.profile import Profile
from controller.scoring.standing import Figures
from controller.store.columns import encode, flags, instant
from controller.store.context import Cache
from controller.store.driver import Session
from controller.store.movements import TOTAL_COLUMNS, Movements
from controller.store.port.fleet import Cause

Told = tuple[int, int, str, str, str]
"""Which machine's history, when, and the cause's kind, reference and detail."""


@dataclass(slots=True)
class _Pending:
    """Rows that moves made and ``post`` writes, so that each table is written to once."""

    gone: list[tuple[int, int, int]] = field(default_factory=list)
    scores: list[tuple[int | None, ...]] = field(default_factory=list)
    changes: dict[Told, list[tuple[int | None, ...]]] = field(default_factory=dict)
    """Moved scores by machine and cause: policy number, then a standing's first three columns."""

    def changed(self, told: Told, key: int, columns: Figures) -> None:
        """Note for a machine's history that a score moved."""
        self.changes.setdefault(told, []).append((key, *columns[:3]))


class ScoreRows(Movements):
    """Writes of score rows, counters and history."""

    def __init__(self, db: Session, cache: Cache) -> None:
        super().__init__(db, cache)
        self._pending = _Pending()

    def policy_numbers_cached(self) -> Mapping[str, int]:
        """Policy numbers, read once for each generation."""
        generation = self.in_force().generation
        kept = self.cache.policy_numbers
        if kept is None or kept[0] != generation:
            kept = self.cache.policy_numbers = (generation, self.policy_numbers())
        return kept[1]

    def gather(
        self,
        slot: int,
        key: int,
        numbers: Sequence[int],
        was: tuple[Column, Column] | None,
        now: tuple[Column, Column] | None,
        cause: Cause,
        as_of: datetime,
        ledger: Ledger,
    ) -> None:
        """Move many machines' standings under one policy; nothing before or after is no row."""
        if was == now:
            return
        if was is not None:
            ledger.columns(key, was, -1)
        if now is None:
            self._pending.gone += [(slot, number, key) for number in numbers]
            return
        ledger.columns(key, now, 1)
        told, at = (cause.kind, cause.ref, cause.detail), instant(as_of)
        before = rows_of(was) if was is not None else repeat(None, len(numbers))
        for number, row, previous in zip(numbers, rows_of(now), before, strict=True):
            if row != previous:
                self._pending.scores.append((slot, number, key, *row))
                if previous is None or row[:3] != previous[:3]:
                    self._pending.changed((number, at, *told), key, row)

    def told_elsewhere(self, told: Told) -> list[tuple[int | None, ...]]:
        """The scores that one cause moved, for whoever writes them into the history himself."""
        return self._pending.changes.pop(told, [])

    def remove_scores(self, places: Sequence[tuple[int | None, ...]]) -> None:
        """Delete rows by slot, machine and policy."""
        if places:
            self.db.many("DELETE FROM score WHERE slot = ? AND machine = ? AND policy = ?", places)

    def save_scores(self, rows: Sequence[tuple[int | None, ...]]) -> None:
        """Write rows: slot, machine, policy and a standing's columns."""
        if rows:
            self.db.many(_SAVE_SCORE, rows, repeatable=True)

    def replace_scores(self, rows: Sequence[tuple[int | None, ...]]) -> None:
        """Write rows that are known to be there: a standing's columns, then slot, machine, policy."""
        if rows:
            self.db.many(_REPLACE_SCORE, rows)

    def write_moved(self) -> None:
        """Write what was moved, but for the counters."""
        pending, self._pending = self._pending, _Pending()
        self.remove_scores(pending.gone)
        self.save_scores(pending.scores)
        if pending.changes:
            self.db.many(
                _ADD_CHANGE, [(*told, encode(moved)) for told, moved in pending.changes.items()]
            )

    def post(self, ledger: Ledger, slot: int, as_of: datetime) -> None:
        """Write what was moved, add a ledger to the stored counters, and set the day's trend."""
        self.write_moved()
        totals = [(slot, key, *row) for key, row in ledger.totals.items() if any(row)]
        checks = [(slot, place, *row) for place, row in ledger.checks.items() if any(row)]
        if totals:
            self.db.many(_ADD_TOTAL, totals)
        if checks:
            self.db.many(_ADD_CHECK, checks)
        if self.judged().slot == slot:
            self.set_trend(as_of)


def rows_of(columns: tuple[Column, Column]) -> Iterator[Figures]:
    """Many machines' standings under one policy as rows of the score table."""
    return zip(*columns_of(columns), strict=True)


def columns_of(columns: tuple[Column, Column]) -> tuple[Iterable[Any], ...]:
    """The same by column."""
    (hundredths, risks, compliant), (bare_hundredths, bare_risks, bare_compliant) = columns
    shown = hundredths, risks, flags(compliant)
    return (*shown, bare_hundredths, bare_risks, flags(bare_compliant))


def keys_of(profile: Profile | None, numbers: Mapping[str, int]) -> tuple[int, ...]:
    """The keys of a profile's score rows, in the order in which its scores come."""
    if profile is None:
        return ()
    return (OVERALL, *(numbers[policy] for policy in profile.policies))


_ADD_TOTAL: Final = (
    f"INSERT INTO total (slot, policy, {TOTAL_COLUMNS})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slot, policy) DO UPDATE SET "
    + ", ".join(
        f"{c} = total.{c} + excluded.{c}" for c in TOTAL_COLUMNS.replace(" ", "").split(",")
    )
)
_ADD_CHECK: Final = (
    "INSERT INTO check_total (slot, position, passed, failed, errored, exempted)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (slot, position) DO UPDATE SET"
    " passed = check_total.passed + excluded.passed, failed = check_total.failed + excluded.failed,"
    " errored = check_total.errored + excluded.errored,"
    " exempted = check_total.exempted + excluded.exempted"
)
_ADD_CHANGE: Final = (
    "INSERT INTO machine_change (machine, at, cause_kind, cause_ref, cause_detail, outcomes, scores)"
    " VALUES (?, ?, ?, ?, ?, '[]', ?)"
)
_SAVE_SCORE: Final = (
    "INSERT INTO score (slot, machine, policy, hundredths, risk, compliant,"
    " bare_hundredths, bare_risk, bare_compliant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (slot, machine, policy) DO UPDATE SET hundredths = excluded.hundredths,"
    " risk = excluded.risk, compliant = excluded.compliant,"
    " bare_hundredths = excluded.bare_hundredths, bare_risk = excluded.bare_risk,"
    " bare_compliant = excluded.bare_compliant"
)
_REPLACE_SCORE: Final = (
    "UPDATE score SET hundredths = ?, risk = ?, compliant = ?, bare_hundredths = ?, bare_risk = ?,"
    " bare_compliant = ? WHERE slot = ? AND machine = ? AND policy = ?"
)
