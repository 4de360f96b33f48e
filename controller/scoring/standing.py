"""The part of a machine's scores that is stored: enough to list, sort and sum. Pure."""

from __future__ import annotations

from typing import NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RiskLevel
from controller.scoring.profile import Profile
from controller.scoring.score import weigh


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
