"""A machine's verdicts without what explains them: for questions about the whole fleet. Pure."""

from __future__ import annotations

from typing import NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RISK_LEVELS, RiskLevel
from controller.scoring.profile import Profile
from controller.scoring.score import all_compliant, meets, tally


class Verdict(NamedTuple):
    """A score as shown."""

    hundredths: int | None
    risk: RiskLevel
    compliant: bool | None


def verdicts(profile: Profile, posture: Posture) -> tuple[Verdict, ...]:
    """Overall first, then the policies in the profile's order; the same that ``standings`` stores."""
    found = []
    for target in profile.targets:
        weighed = tally(target, posture)
        verdict = meets(target.threshold, weighed.passed_weight, weighed.total_weight)
        found.append(Verdict(weighed.hundredths, weighed.risk, verdict))
    overall = tally(profile.overall, posture)
    compliant = all_compliant([each.compliant for each in found])
    return (Verdict(overall.hundredths, overall.risk, compliant), *found)


def overall(profile: Profile, posture: Posture) -> int | None:
    """The overall score alone, in hundredths of a percent."""
    return tally(profile.overall, posture).hundredths


class Sums:
    """Verdicts added up over machines; averages and shares round down, as everywhere."""

    __slots__ = ("agents", "assessed", "compliant", "risks", "score_sum")

    def __init__(self) -> None:
        self.agents = self.assessed = self.compliant = self.score_sum = 0
        self.risks: dict[RiskLevel, int] = dict.fromkeys(RISK_LEVELS, 0)

    def add(self, verdict: Verdict) -> None:
        """Let one machine's verdict enter."""
        hundredths, risk, compliant = verdict
        self.agents += 1
        if hundredths is not None:
            self.assessed += 1
            self.score_sum += hundredths
        if compliant:
            self.compliant += 1
        self.risks[risk] += 1

    @property
    def average(self) -> float | None:
        """The mean score in percent; none without an assessed machine."""
        return self.score_sum // self.assessed / 100 if self.assessed else None

    @property
    def compliant_percentage(self) -> float | None:
        """Of assessed machines."""
        return self.compliant * 10_000 // self.assessed / 100 if self.assessed else None
