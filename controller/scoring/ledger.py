"""The fleet's counters as sums of changes. Pure.

Totals are moved by what entered and what left, so that they cost the same at ten machines and at a
hundred thousand. A recount must always give the same numbers (a test holds that).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from controller.model.posture import Posture, positions
from controller.model.terms import RISK_LEVELS
from controller.scoring.profile import Profile
from controller.scoring.standing import Standing

OVERALL = 0
"""The key of all policies together, where a policy's number stands otherwise."""

_RISK_OFFSET = {risk: 7 + index for index, risk in enumerate(RISK_LEVELS)}
_WIDTH = 7 + len(RISK_LEVELS)


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


def column_sums(rows: Iterable[int]) -> dict[int, int]:
    """How many of the bitmaps have each position set.

    Adds all bitmaps at once in bit-sliced form: plane ``i`` holds bit ``i`` of every position's count.
    """
    planes: list[int] = []
    for row in rows:
        carry = row
        for index, plane in enumerate(planes):
            planes[index] = plane ^ carry
            carry &= plane
            if not carry:
                break
        else:
            if carry:
                planes.append(carry)
    sums: defaultdict[int, int] = defaultdict(int)
    for index, plane in enumerate(planes):
        for position in positions(plane):
            sums[position] += 1 << index
    return dict(sums)


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

    def standings(self, keys: Sequence[int], standings: Sequence[Standing], sign: int) -> None:
        """Let a machine's standings enter or leave; keys and standings run in parallel."""
        for key, each in zip(keys, standings, strict=True):
            self.standing(key, each, sign)

    def bits(self, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        """Move the check counters by what differs between two ``effective`` values."""
        for column, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                for position in positions(new & ~old):
                    self.checks[position][column] += 1
                for position in positions(old & ~new):
                    self.checks[position][column] -= 1

    def many(self, effects: Sequence[tuple[int, int, int, int]]) -> None:
        """Let many machines' check outcomes enter at once."""
        for column in range(4):
            for position, count in column_sums(row[column] for row in effects).items():
                self.checks[position][column] += count


NOTHING = (0, 0, 0, 0)
"""The ``effective`` value of a machine that is not there."""
