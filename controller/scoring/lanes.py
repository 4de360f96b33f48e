"""Sums over the bitmaps of many machines at once. Pure.

A column is one byte of every machine's bitmap, so eight checks. ``bytes.translate`` looks up what each
of these bytes weighs, for all machines in one call; the columns are then added as large integers in
which every machine has sixteen bits of its own, a lane. The interpreter's work is per column instead of
per machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RISK_NUMBER, RiskLevel
from controller.scoring.score import MANY_HIGH, MANY_MEDIUM

LANE: Final = 1 << 15
"""Sums stay below this, so that the top bit of a lane is free for comparing."""

Source = Literal["passed", "failed", "errored", "known", "reported"]
"""Which bitmap of each machine; ``known`` is passed or failed, ``reported`` is any of the three."""


class Term(NamedTuple):
    """What the bits of one byte of a bitmap add to a sum."""

    byte: int
    """Which byte of the bitmap."""
    table: bytes
    """By the byte's value."""
    most: int


def terms(weighted: tuple[tuple[int, int], ...]) -> tuple[Term, ...]:
    """The terms of a sum over these masks, each with what a bit of it weighs."""
    every = 0
    for mask, _ in weighted:
        every |= mask
    found = []
    for index in range((every.bit_length() + 7) // 8):
        if every >> 8 * index & 255:
            bytes_ = tuple((mask >> 8 * index & 255, weight) for mask, weight in weighted)
            table = _table(bytes_)
            found.append(Term(index, table, table[255]))
    return tuple(found)


@lru_cache(maxsize=4096)
def _table(weighted: tuple[tuple[int, int], ...]) -> bytes:
    """What each value of a byte weighs: at most 80, eight critical checks."""
    return sum(weight * _ones(mask) for mask, weight in weighted).to_bytes(256, "little")


@lru_cache(maxsize=256)
def _ones(mask: int) -> int:
    """How many bits of a mask each value of a byte has set: 256 numbers of eight bits."""
    return int.from_bytes(bytes((value & mask).bit_count() for value in range(256)), "little")


def _risk_table() -> bytes:
    """The risk by the six comparisons that ``Crowd.risks`` packs into a byte."""
    words: list[RiskLevel] = []
    for code in range(256):
        assessed, critical, many_high, high, many_medium, severe_error = (
            code >> place & 1 for place in range(6)
        )
        if critical:
            words.append("critical")
        elif not assessed:
            words.append("unknown")
        elif many_high:
            words.append("high")
        else:
            words.append("medium" if high or many_medium or severe_error else "low")
    return bytes(RISK_NUMBER[word] for word in words)


_RISK_TABLE: Final = _risk_table()


class Crowd:
    """Postures by columns, and sums over them in lanes.

    A sum takes the even bytes of a column and then the odd ones, so every other place is filled from
    the second half of the machines: what comes out is in the order in which they were given.
    """

    def __init__(self, bits: int, postures: Sequence[Posture]) -> None:
        self.count = len(postures)
        self.half = (self.count + 1) // 2
        self.lane = int.from_bytes(b"\1\0" * (2 * self.half), "little")
        self._bytes_of_pairs = int.from_bytes(b"\xff\0" * self.half, "little")
        woven = [Posture()] * (2 * self.half)
        woven[0::2] = postures[: self.half]
        woven[1 : 2 * (self.count - self.half) : 2] = postures[self.half :]
        self._width = (bits.bit_length() + 7) // 8
        by_outcome = list(zip(*woven, strict=True))
        passed, failed, errored = (self._joined(bits, each) for each in by_outcome[:3])
        known = int.from_bytes(passed, "little") | int.from_bytes(failed, "little")
        reported = known | int.from_bytes(errored, "little")
        self._sources: dict[Source, bytes] = {
            "passed": passed,
            "failed": failed,
            "errored": errored,
            "known": known.to_bytes(len(passed), "little"),
            "reported": reported.to_bytes(len(passed), "little"),
        }
        self._columns: dict[tuple[Source, int], bytes] = {}

    def _joined(self, bits: int, bitmaps: tuple[int, ...]) -> bytes:
        """All bitmaps one after the other, each as wide as what is looked at."""
        width = self._width
        try:
            return b"".join([bitmap.to_bytes(width, "little") for bitmap in bitmaps])
        except OverflowError:  # outcomes of definitions that no policy selects any more
            return b"".join([(bitmap & bits).to_bytes(width, "little") for bitmap in bitmaps])

    def _column(self, source: Source, index: int) -> bytes:
        found = self._columns.get((source, index))
        if found is None:
            found = self._columns[source, index] = self._sources[source][index :: self._width]
        return found

    def sum(self, source: Source, terms: Iterable[Term]) -> int:
        """Every machine's sum of these terms, in lanes."""
        even = odd = narrow = 0
        room, pairs = 255, self._bytes_of_pairs
        for index, table, most in terms:
            if most > room:
                even += narrow & pairs
                odd += narrow >> 8 & pairs
                narrow, room = 0, 255
            column = self._column(source, index).translate(table)
            narrow += int.from_bytes(column, "little")
            room -= most
        even += narrow & pairs
        odd += narrow >> 8 & pairs
        return even | odd << 16 * self.half

    def numbers(self, lanes: int) -> tuple[int, ...]:
        """What the lanes hold, a machine each."""
        wide = 2 * self.half
        return struct.unpack(f"<{wide}H", lanes.to_bytes(2 * wide, "little"))[: self.count]

    def _reaches(self, lanes: int, least: int) -> int:
        """In the lowest bit of each lane: whether it holds this much."""
        return lanes + self.lane * (LANE - least) >> 15 & self.lane

    def risks(self, total: int, critical: int, high: int, medium: int, severe_error: int) -> bytes:
        """The risks that follow from these sums."""
        codes = (
            self._reaches(total, 1)
            | self._reaches(critical, 1) << 1
            | self._reaches(high, MANY_HIGH + 1) << 2
            | self._reaches(high, 1) << 3
            | self._reaches(medium, MANY_MEDIUM) << 4
            | self._reaches(severe_error, 1) << 5
        )
        return codes.to_bytes(4 * self.half, "little")[0::2].translate(_RISK_TABLE)[: self.count]
