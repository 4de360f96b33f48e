"""A machine's verdicts without what explains them: for questions about the whole fleet. Pure."""

from __future__ import annotations

from typing import NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RISK_LEVELS, RiskLevel
from controller.scoring.profile import Profile
from controller.scoring.score import weigh


class Verdict(NamedTuple):
    """A score as shown."""

    hundredths: int | None
    risk: RiskLevel
    compliant: bool | None


def verdicts(profile: Profile, posture: Posture) -> tuple[Verdict, ...]:
    """Overall first, then the policies in the profile's order; the same that ``standings`` stores."""
    passed, failed, errored, _ = posture
    masks, everything, places = profile.weighings
    found: list[Verdict] = []
    said: bool | None = None
    for place, _bare, numerator, denominator in places:
        weight, total, risk = weigh(masks[place], passed, failed, errored)
        if total:
            compliant = denominator * weight >= numerator * total
            said = compliant and said is not False
            found.append(_verdict((weight * 10_000 // total, risk, compliant)))
        else:
            found.append(_verdict((None, risk, None)))
    weight, total, risk = weigh(masks[everything.place], passed, failed, errored)
    return (_verdict((weight * 10_000 // total if total else None, risk, said)), *found)


def overall(profile: Profile, posture: Posture) -> int | None:
    """The overall score alone, in hundredths of a percent."""
    passed, failed, errored, _ = posture
    masks, everything, _ = profile.weighings
    weight, total, _risk = weigh(masks[everything.place], passed, failed, errored)
    return weight * 10_000 // total if total else None


_verdict = Verdict._make
"""Half the cost of a call by names."""


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
