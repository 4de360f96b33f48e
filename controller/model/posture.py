"""A machine's posture: four bitmaps over check definitions. Pure.

Every check *definition* (id, query, operator, expectation, ``applies_when``) has a fixed bit position
from when it was first seen. A changed definition gets a new position, so that its old outcome drops
out by itself; changed texts or severities keep the position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from controller.model.documents import Check

RawOutcome = Literal["passed", "failed", "error", "not_applicable", "pending"]


class Posture(NamedTuple):
    """What the machine reported, one bit a definition; a definition in none of them is pending.

    The four are disjoint.
    """

    passed: int = 0
    failed: int = 0
    errored: int = 0
    not_applicable: int = 0

    @property
    def reported(self) -> int:
        """All definitions with an outcome."""
        return self.passed | self.failed | self.errored | self.not_applicable

    def outcome(self, position: int) -> RawOutcome:
        """The raw outcome at a position, whatever any exception says."""
        bit = 1 << position
        if self.passed & bit:
            return "passed"
        if self.failed & bit:
            return "failed"
        if self.errored & bit:
            return "error"
        if self.not_applicable & bit:
            return "not_applicable"
        return "pending"


def positions(bits: int) -> Iterator[int]:
    """The positions set in a bitmap, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


_canonical = msgspec.json.Encoder(order="sorted").encode


def definition_digest(check: Check) -> str:
    """What makes an outcome comparable: hex, 32 characters, over what decides pass or fail alone."""
    facts = [
        check.id,
        check.check_type,
        check.query,
        check.comparison_operator,
        check.expected_result,
        check.applies_when,
    ]
    return hashlib.blake2b(_canonical(facts), digest_size=16).hexdigest()
