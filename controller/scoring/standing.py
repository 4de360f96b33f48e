"""The part of a machine's scores that is stored: enough to list, sort and sum. Pure."""

from __future__ import annotations

from typing import NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RiskLevel
from controller.scoring.profile import Profile
from controller.scoring.score import Masks, weigh


class Standing(NamedTuple):
    """What is stored of one score: enough to list, sort and sum."""

    hundredths: int | None
    risk: RiskLevel
    compliant: bool | None
    bare_hundredths: int | None
    bare_risk: RiskLevel
    bare_compliant: bool | None


def standings(profile: Profile, posture: Posture) -> tuple[Standing, ...]:
    """What is stored of a machine's scores: overall first, then the policies in order."""
    passed, failed, errored, _ = posture
    distinct, overall_place, places = profile.weighings
    weighed = [weigh(masks, passed, failed, errored) for masks in distinct]
    kept: list[Standing] = []
    verdict: bool | None = None
    bare_verdict: bool | None = None
    for place, bare_place, numerator, denominator in places:
        weight, total, risk = weighed[place]
        compliant = hundredths = None
        if total:
            hundredths = weight * 10_000 // total
            compliant = denominator * weight >= numerator * total
            verdict = compliant and verdict is not False
        if bare_place == place:
            kept.append(_standing((hundredths, risk, compliant, hundredths, risk, compliant)))
            if total:
                bare_verdict = compliant and bare_verdict is not False
            continue
        bare_weight, bare_total, bare_risk = weighed[bare_place]
        bare_compliant = bare_hundredths = None
        if bare_total:
            bare_hundredths = bare_weight * 10_000 // bare_total
            bare_compliant = denominator * bare_weight >= numerator * bare_total
            bare_verdict = bare_compliant and bare_verdict is not False
        kept.append(
            _standing((hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant))
        )
    weight, total, risk = weighed[overall_place.place]
    bare_weight, bare_total, bare_risk = weighed[overall_place.bare_place]
    overall = _standing(
        (
            weight * 10_000 // total if total else None,
            risk,
            verdict,
            bare_weight * 10_000 // bare_total if bare_total else None,
            bare_risk,
            bare_verdict,
        )
    )
    return (overall, *kept)


_standing = Standing._make
"""Half the cost of a call by names."""


class Shift:
    """What changes for a kind of machine from one profile to another with the same policies."""

    def __init__(self, old: Profile, new: Profile) -> None:
        """Compare two profiles.

        Raises:
            ValueError: They are of different policies.
        """
        if old.policies != new.policies or old.bare_targets != new.bare_targets:
            raise ValueError("only profiles of the same policies can be compared")
        self._places = [
            (index + 1, Masks.of(target), (target.threshold[0], 100 * target.threshold[1]))
            for index, (before, target) in enumerate(zip(old.targets, new.targets, strict=True))
            if target != before
        ]
        self._overall = Masks.of(new.overall) if old.overall != new.overall else None
        pairs = [*zip(old.targets, new.targets, strict=True), (old.overall, new.overall)]
        self.bits = 0
        """Positions that count on one side alone: a machine without an outcome there stays as it is."""
        for before, target in pairs:
            self.bits |= before.counted ^ target.counted
            self.bits |= before.counted_errors ^ target.counted_errors
            for was, now in zip(before[:4], target[:4], strict=True):
                self.bits |= was ^ now

    def apply(self, posture: Posture, was: tuple[Standing, ...]) -> tuple[Standing, ...]:
        """A machine's standings under the new profile, from those under the old one."""
        passed, failed, errored, _ = posture
        if not (passed | failed | errored) & self.bits:
            return was
        now = list(was)
        for place, masks, (numerator, denominator) in self._places:
            weight, total, risk = weigh(masks, passed, failed, errored)
            if total:
                hundredths: int | None = weight * 10_000 // total
                compliant: bool | None = denominator * weight >= numerator * total
            else:
                hundredths = compliant = None
            now[place] = _standing((hundredths, risk, compliant, *was[place][3:]))
        hundredths, risk, verdict, *bare = was[0]
        if self._overall is not None:
            weight, total, risk = weigh(self._overall, passed, failed, errored)
            hundredths = weight * 10_000 // total if total else None
        if self._places:
            verdict = None
            for each in now[1:]:
                if each[2] is not None:
                    verdict = each[2] and verdict is not False
        now[0] = _standing((hundredths, risk, verdict, *bare))
        return tuple(now)
