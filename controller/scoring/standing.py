"""The part of a machine's scores that is stored: enough to list, sort and sum. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RISK_NUMBER, RiskLevel
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


Figures = tuple[int | None, int, int | None, int | None, int, int | None]
"""A standing in numbers, in its own order: risks as places in ``RISK_LEVELS``, truth values as 0 and 1."""

Shown = tuple[int | None, int, int | None]
"""The first half of them: with the exceptions."""


def figures_after(
    profile: Profile, known: Sequence[Figures], turned: int, posture: Posture
) -> list[Figures]:
    """A machine's standings after some outcomes turned, overall first; what they do not touch stays.

    Args:
        profile: What the machine is asked for, before and after.
        known: Its standings before.
        turned: Bitmap of the outcomes that are not as they were then.
        posture: As it is now.
    """
    passed, failed, errored, _ = posture
    distinct, overall, policies = profile.weighings
    weighed = [
        weigh(masks, passed, failed, errored) if turned & reach else None
        for masks, reach in zip(distinct, profile.reaches, strict=True)
    ]
    # One loop and no calls: this is done for every report in which something turned.
    number, found = RISK_NUMBER, list(known)
    for index, (place, bare_place, numerator, denominator) in enumerate((overall, *policies)):
        anew, bare_anew = weighed[place], weighed[bare_place]
        hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant = known[index]
        if anew is not None:
            weight, total, name = anew
            risk, hundredths, compliant = number[name], None, None
            if total:
                hundredths = weight * 10_000 // total
                compliant = 1 if denominator * weight >= numerator * total else 0
            if bare_place == place:
                found[index] = hundredths, risk, compliant, hundredths, risk, compliant
                continue
        if bare_anew is not None:
            weight, total, name = bare_anew
            bare_risk, bare_hundredths, bare_compliant = number[name], None, None
            if total:
                bare_hundredths = weight * 10_000 // total
                bare_compliant = 1 if denominator * weight >= numerator * total else 0
        found[index] = hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant
    hundredths, risk, _, bare_hundredths, bare_risk, _ = found[0]
    verdict, bare_verdict = (
        _all([each[2] for each in found[1:]]),
        _all([each[5] for each in found[1:]]),
    )
    found[0] = hundredths, risk, verdict, bare_hundredths, bare_risk, bare_verdict
    return found


def _all(verdicts: Sequence[int | None]) -> int | None:
    """Compliant with every policy that assessed something; none when none did."""
    return 0 if 0 in verdicts else 1 if 1 in verdicts else None


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
