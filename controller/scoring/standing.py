"""The part of a machine's scores that is stored: enough to list, sort and sum. Pure."""

from __future__ import annotations

from collections.abc import Sequence
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
    return _judged(
        profile, [weigh(masks, passed, failed, errored) for masks in profile.weighings.distinct]
    )


def standings_of_both(
    profile: Profile, before: Posture, after: Posture
) -> tuple[tuple[Standing, ...], tuple[Standing, ...]]:
    """``standings`` of two postures of one machine; what no changed check touches is weighed once."""
    passed, failed, errored, _ = after
    turned = (before.passed ^ passed) | (before.failed ^ failed) | (before.errored ^ errored)
    was = [weigh(masks, *before[:3]) for masks in profile.weighings.distinct]
    now = [
        weigh(masks, passed, failed, errored) if turned & reach else same
        for masks, reach, same in zip(profile.weighings.distinct, profile.reaches, was, strict=True)
    ]
    return _judged(profile, was), _judged(profile, now)


def _judged(
    profile: Profile, weighed: Sequence[tuple[int, int, RiskLevel]]
) -> tuple[Standing, ...]:
    """Standings from what each different target weighs."""
    _, overall_place, places = profile.weighings
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
