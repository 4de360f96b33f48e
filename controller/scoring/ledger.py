"""The fleet's counters as sums of changes. Pure.

Totals are moved by what entered and what left, so that they cost the same at ten machines and at a
hundred thousand. A recount must always give the same numbers (a test holds that).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from controller.model.posture import Posture, positions
from controller.model.terms import RISK_LEVELS
from controller.scoring.many import Column
from controller.scoring.profile import Profile
from controller.scoring.standing import Figures, Standing

OVERALL = 0
"""The key of all policies together, where a policy's number stands otherwise."""

_FIRST_RISK = 7
_RISK_OFFSET = {risk: _FIRST_RISK + index for index, risk in enumerate(RISK_LEVELS)}
_WIDTH = _FIRST_RISK + len(RISK_LEVELS)
_COLUMN = {"passed": 0, "failed": 1, "error": 2}
"""Of the check counters, by outcome; others are not counted."""


def effective(profile: Profile, posture: Posture) -> tuple[int, int, int, int]:
    """What a machine adds to the check counters: passed, failed, errored and exempted positions."""
    overall = profile.overall
    counted = overall.counted
    return (
        posture.passed & counted,
        posture.failed & counted,
        posture.errored & counted,
        overall.exempted,
    )


def column_sums(bitmaps: Sequence[int], within: int = -1) -> dict[int, int]:
    """How many of the bitmaps have each position set; positions outside ``within`` are left out.

    Takes one byte of all bitmaps at a time, as one large integer, and counts each of its eight bits.
    """
    width = (max(bitmaps, default=0).bit_length() + 7) // 8
    joined = b"".join([bitmap.to_bytes(width, "little") for bitmap in bitmaps])
    first = int.from_bytes(b"\1" * len(bitmaps), "little")
    eight = [first << bit for bit in range(8)]
    sums = {}
    for index in range(width):
        column = int.from_bytes(joined[index::width], "little")
        for position, mask in enumerate(eight, 8 * index) if column else ():
            if within >> position & 1 and (count := (column & mask).bit_count()):
                sums[position] = count
    return sums


class Ledger:
    """Changes to the counters, to be added to what is stored."""

    def __init__(self) -> None:
        self.totals: defaultdict[int, list[int]] = defaultdict(lambda: [0] * _WIDTH)
        """By policy number: agents, assessed, compliant, score sum, the same three without
        exceptions (assessed, compliant, sum), then one count a risk level."""
        self.checks: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        """By position: passed, failed, errored, exempted."""

    def standing(self, key: int, standing: Standing, sign: int) -> None:
        """Let one standing enter (``sign`` 1) or leave (-1)."""
        row = self.totals[key]
        hundredths, risk, compliant, bare_hundredths, _, bare_compliant = standing
        row[0] += sign
        if hundredths is not None:
            row[1] += sign
            row[3] += sign * hundredths
        if compliant:
            row[2] += sign
        if bare_hundredths is not None:
            row[4] += sign
            row[6] += sign * bare_hundredths
        if bare_compliant:
            row[5] += sign
        row[_RISK_OFFSET[risk]] += sign

    def turn(self, key: int, was: Figures, now: Figures) -> None:
        """Let one standing take another's place."""
        row = self.totals[key]
        hundredths, risk, compliant, bare_hundredths, _, bare_compliant = was
        new_hundredths, new_risk, new_compliant, new_bare_hundredths, _, new_bare_compliant = now
        if new_hundredths != hundredths:
            row[1] += (new_hundredths is not None) - (hundredths is not None)
            row[3] += (new_hundredths or 0) - (hundredths or 0)
        if new_compliant != compliant:
            row[2] += (new_compliant or 0) - (compliant or 0)
        if new_bare_hundredths != bare_hundredths:
            row[4] += (new_bare_hundredths is not None) - (bare_hundredths is not None)
            row[6] += (new_bare_hundredths or 0) - (bare_hundredths or 0)
        if new_bare_compliant != bare_compliant:
            row[5] += (new_bare_compliant or 0) - (bare_compliant or 0)
        if new_risk != risk:
            row[_FIRST_RISK + risk] -= 1
            row[_FIRST_RISK + new_risk] += 1

    def columns(self, key: int, columns: tuple[Column, Column], sign: int) -> None:
        """Let many machines' standings under one policy enter or leave."""
        row = self.totals[key]
        (hundredths, risks, compliant), (bare_hundredths, _, bare_compliant) = columns
        moved = (
            len(risks),
            len(risks) - hundredths.count(None),
            compliant.count(True),
            sum(filter(None, hundredths)),
            len(risks) - bare_hundredths.count(None),
            bare_compliant.count(True),
            sum(filter(None, bare_hundredths)),
            *map(risks.count, range(len(RISK_LEVELS))),
        )
        for place, value in enumerate(moved):
            row[place] += sign * value

    def bits(self, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """Move the check counters by what differs between two ``effective`` values."""
        for column, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                for position in positions(new & ~old):
                    self.checks[position][column] += 1
                for position in positions(old & ~new):
                    self.checks[position][column] -= 1

    def turns(self, counted: int, changed: Sequence[tuple[int, str, str]]) -> None:
        """Move the check counters by outcomes that turned (position, before, after), of those that count."""
        for position, before, after in changed:
            if counted >> position & 1:
                row = self.checks[position]
                if before in _COLUMN:
                    row[_COLUMN[before]] -= 1
                if after in _COLUMN:
                    row[_COLUMN[after]] += 1

    def many(self, effects: Sequence[tuple[int, int, int, int]]) -> None:
        """Let many machines' check outcomes enter at once."""
        for column, bitmaps in enumerate(zip(*effects, strict=True)):
            self._count(column, bitmaps, -1)

    def kind(self, profile: Profile, postures: Sequence[Posture]) -> None:
        """Let the check outcomes of many machines of one kind enter at once."""
        overall = profile.overall
        passed, failed, errored, _ = zip(*postures, strict=True)
        for column, bitmaps in enumerate((passed, failed, errored)):
            self._count(column, bitmaps, overall.counted)
        for position in positions(overall.exempted):
            self.checks[position][3] += len(postures)

    def _count(self, column: int, bitmaps: Sequence[int], within: int) -> None:
        for position, count in column_sums(bitmaps, within).items():
            self.checks[position][column] += count


NOTHING = (0, 0, 0, 0)
"""The ``effective`` value of a machine that is not there."""
