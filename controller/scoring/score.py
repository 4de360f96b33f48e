"""Score a posture against masks: AND and popcount. Pure.

All arithmetic is on integers; a score is kept in hundredths of a percent, rounded down, so that what
is shown never crosses a threshold (35 of 44 is 79.54, not 80). Rules: docs/reference/scoring.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RiskLevel, Severity


class Target(NamedTuple):
    """What one policy, or all of a machine's policies together, asks of one kind of machine.

    The masks are over definition positions. The four severity masks, ``exempted`` and
    ``not_applicable`` are disjoint; together they are everything that is selected.
    """

    critical: int
    high: int
    medium: int
    low: int
    exempted: int
    """Selected, and left out by an exception."""
    not_applicable: int
    """Selected, and not for the machine's platform."""
    counted_errors: int
    """Where an error is part of the total weight."""
    threshold: tuple[int, int]
    """Passing threshold in percent as numerator and denominator; unused for all policies together."""

    @property
    def counted(self) -> int:
        """What can pass or fail."""
        return self.critical | self.high | self.medium | self.low

    @property
    def selected(self) -> int:
        """Everything that the policy asks for."""
        return self.counted | self.exempted | self.not_applicable


class Tally(NamedTuple):
    """The part of a score that is stored for every machine and policy."""

    passed_weight: int
    total_weight: int
    risk: RiskLevel

    @property
    def hundredths(self) -> int | None:
        """The score in hundredths of a percent, rounded down; none when nothing counts."""
        return self.passed_weight * 10_000 // self.total_weight if self.total_weight else None


class Score(NamedTuple):
    """A full score, with everything that explains it."""

    passed_weight: int
    total_weight: int
    risk_level: RiskLevel
    compliant: bool | None
    passed: int
    failed: int
    error: int
    exempted: int
    not_applicable: int
    pending: int
    failed_by_severity: dict[Severity, int]

    @property
    def hundredths(self) -> int | None:
        """The score in hundredths of a percent, rounded down; none when nothing counts."""
        return self.passed_weight * 10_000 // self.total_weight if self.total_weight else None

    @property
    def score(self) -> float | None:
        """The score in percent with two decimals, rounded down."""
        return percent(self.hundredths)

    @property
    def coverage(self) -> float | None:
        """The share of checks in the score's reach that have an outcome; none when there are none."""
        assessed = self.passed + self.failed + self.error
        reach = assessed + self.pending
        return assessed * 10_000 // reach / 10_000 if reach else None


def percent(hundredths: int | None) -> float | None:
    """Hundredths of a percent as a percentage."""
    return None if hundredths is None else hundredths / 100


MANY_HIGH: Final = 2
MANY_MEDIUM: Final = 5


class Masks(NamedTuple):
    """What weighing needs of a target; equal for targets that weigh alike."""

    critical: int
    high: int
    medium: int
    low: int
    serious: int
    counted_errors: int

    @staticmethod
    def of(target: Target) -> Masks:
        """The masks of a target."""
        critical, high, medium, low = target[:4]
        return Masks(critical, high, medium, low, critical | high, target.counted_errors)


def tally(target: Target, posture: Posture) -> Tally:
    """Weigh a posture against a target."""
    return Tally(*weigh(Masks.of(target), posture.passed, posture.failed, posture.errored))


def weigh(masks: Masks, passed: int, failed: int, errored: int) -> tuple[int, int, RiskLevel]:
    """Passed weight, total weight and risk. This is the fleet's hot path: popcounts and no loop."""
    critical, high, medium, low, serious, counted_errors = masks
    failed_critical = (failed & critical).bit_count()
    failed_high = (failed & high).bit_count()
    failed_medium = (failed & medium).bit_count()
    passed_weight = (
        10 * (passed & critical).bit_count()
        + 5 * (passed & high).bit_count()
        + 3 * (passed & medium).bit_count()
        + (passed & low).bit_count()
    )
    total_weight = (
        passed_weight
        + 10 * failed_critical
        + 5 * failed_high
        + 3 * failed_medium
        + (failed & low).bit_count()
    )
    if errored and (wrong := errored & counted_errors):
        total_weight += (
            10 * (wrong & critical).bit_count()
            + 5 * (wrong & high).bit_count()
            + 3 * (wrong & medium).bit_count()
            + (wrong & low).bit_count()
        )
    if failed_critical:
        return passed_weight, total_weight, "critical"
    risk: RiskLevel
    if not total_weight:
        risk = "unknown"
    elif failed_high > MANY_HIGH:
        risk = "high"
    elif failed_high or failed_medium >= MANY_MEDIUM or errored & serious:
        risk = "medium"
    else:
        risk = "low"
    return passed_weight, total_weight, risk


def meets(threshold: tuple[int, int], passed_weight: int, total_weight: int) -> bool | None:
    """Whether a weight reaches a threshold, exactly; none when nothing counts."""
    if not total_weight:
        return None
    numerator, denominator = threshold
    return 100 * denominator * passed_weight >= numerator * total_weight


def score(target: Target, posture: Posture) -> Score:
    """Score a posture against one policy's target, with the counts that explain it."""
    weighed = tally(target, posture)
    counted = target.counted
    passed = (posture.passed & counted).bit_count()
    failed = (posture.failed & counted).bit_count()
    error = (posture.errored & counted).bit_count()
    reported_na = posture.not_applicable & counted
    return Score(
        passed_weight=weighed.passed_weight,
        total_weight=weighed.total_weight,
        risk_level=weighed.risk,
        compliant=meets(target.threshold, weighed.passed_weight, weighed.total_weight),
        passed=passed,
        failed=failed,
        error=error,
        exempted=target.exempted.bit_count(),
        not_applicable=(target.not_applicable | reported_na).bit_count(),
        pending=(counted & ~posture.reported).bit_count(),
        failed_by_severity={
            "critical": (posture.failed & target.critical).bit_count(),
            "high": (posture.failed & target.high).bit_count(),
            "medium": (posture.failed & target.medium).bit_count(),
            "low": (posture.failed & target.low).bit_count(),
        },
    )


def all_compliant(verdicts: list[bool | None]) -> bool | None:
    """Overall compliance: with every policy that assessed something; none when none did."""
    said = [verdict for verdict in verdicts if verdict is not None]
    return all(said) if said else None
