"""A portion of the fleet in a fleet-wide change: what is stored of it beside what is to be. Pure.

A standing under one policy is compared as one number, so that nothing is made of the many rows that stay
as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, repeat
from operator import ne
from typing import Final

from controller.scoring.many import Column
from controller.store.columns import flags
from controller.store.score_rows import columns_of

_POLICY_BITS: Final = 32
_BARE: Final = 1 << 20
"""More than ``SHOWN`` has values."""
PLACE: Final = f"machine << {_POLICY_BITS} | policy"
"""SQL: machine and policy of a score row as one number."""
SHOWN: Final = "coalesce(hundredths, -1) * 32 + risk * 4 + coalesce(compliant, -1)"
"""SQL: what a score row says with the exceptions, as one number. A risk and a verdict take 19 of the 32."""
WHOLE: Final = (
    f"({SHOWN}) * {_BARE} + coalesce(bare_hundredths, -1) * 32"
    " + bare_risk * 4 + coalesce(bare_compliant, -1)"
)
"""SQL: everything that a score row says."""

ScoreRow = tuple[int | None, ...]
Run = tuple[int, list[int], list[int | None], list[int], list[int | None]]
"""A policy; machines in order; and of each its score, risk and compliance, with the exceptions."""


class Portion:
    """Takes the new standings policy by policy, and keeps what differs."""

    def __init__(
        self, slot: int, there: Iterable[tuple[int, int]], seen: Iterable[tuple[int, int]]
    ) -> None:
        """Begin with what is stored.

        Args:
            slot: Which set of rows is made.
            there: ``PLACE`` and ``WHOLE`` of its rows for these machines.
            seen: ``PLACE`` and ``SHOWN`` of the rows that readers see.
        """
        self._slot = slot
        self._there = dict(there)
        self._seen = dict(seen)
        self._met = 0
        self._wanted: list[int] = []
        self.new: list[ScoreRow] = []
        """Slot, machine, policy and a standing's columns."""
        self.changed: list[ScoreRow] = []
        """A standing's columns, then slot, machine and policy."""
        self.moved: list[Run] = []
        """For the history."""

    def take(self, machines: Sequence[int], policy: int, pair: tuple[Column, Column]) -> None:
        """What some of the machines come to under one policy, with the exceptions and without any."""
        column, bare = pair
        places = [machine << _POLICY_BITS | policy for machine in machines]
        shown = _packed(column)
        whole = [one * _BARE + other for one, other in zip(shown, _packed(bare), strict=True)]
        before = list(map(self._there.get, places))
        if before != whole:
            self._differs(machines, policy, pair, before, whole)
        self._met += len(places) - before.count(None)
        self._wanted += places
        seen = list(map(self._seen.get, places))
        if seen != shown:
            hundredths, risks, compliant = column
            turned = list(map(ne, seen, shown))
            self.moved.append(
                (
                    policy,
                    list(compress(machines, turned)),
                    list(compress(hundredths, turned)),
                    list(compress(risks, turned)),
                    list(compress(flags(compliant), turned)),
                )
            )

    def _differs(
        self,
        machines: Sequence[int],
        policy: int,
        pair: tuple[Column, Column],
        before: Sequence[int | None],
        now: Sequence[int],
    ) -> None:
        """Sort out the rows that are not stored just so."""
        if None not in before:
            rows = zip(
                *columns_of(pair), repeat(self._slot), machines, repeat(policy), strict=False
            )
            self.changed += compress(rows, map(ne, before, now))
            return
        standings = zip(*columns_of(pair), strict=True)
        for standing, machine, was, is_ in zip(standings, machines, before, now, strict=True):
            if was is None:
                self.new.append((self._slot, machine, policy, *standing))
            elif was != is_:
                self.changed.append((*standing, self._slot, machine, policy))

    def gone(self) -> list[tuple[int, int, int]]:
        """Slot, machine and policy of the rows that are to be no more."""
        if self._met == len(self._there):
            return []
        mask = (1 << _POLICY_BITS) - 1
        left = self._there.keys() - set(self._wanted)
        return [(self._slot, place >> _POLICY_BITS, place & mask) for place in sorted(left)]


def _packed(column: Column) -> list[int]:
    """What ``SHOWN`` gives for each of these standings."""
    hundredths, risks, compliant = column
    if None in hundredths or None in compliant:
        hundredths = [-1 if each is None else each for each in hundredths]
        compliant = [-1 if each is None else each for each in compliant]  # type: ignore[misc]
    return [
        score * 32 + risk * 4 + passes  # type: ignore[operator]
        for score, risk, passes in zip(hundredths, risks, compliant, strict=True)
    ]
