"""What one kind of machine is asked for, ready to be scored. Pure.

Machines of the same platform, policies and exceptions share a profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from controller.model.posture import Posture
from controller.scoring.score import Masks, Score, Target, all_compliant, score


@dataclass(frozen=True)
class Profile:
    """Targets for one kind of machine, with the exceptions of a moment and without any."""

    policies: tuple[str, ...]
    """Ids of the matching policies, sorted; the targets below are in this order."""
    targets: tuple[Target, ...]
    overall: Target
    bare_targets: tuple[Target, ...]
    """As if there were no exceptions."""
    bare_overall: Target

    @cached_property
    def weighings(self) -> Weighings:
        """What is to be weighed, each different target once."""
        distinct: dict[Masks, int] = {}
        places = []
        for target, bare in zip(
            (self.overall, *self.targets), (self.bare_overall, *self.bare_targets), strict=True
        ):
            place = distinct.setdefault(Masks.of(target), len(distinct))
            bare_place = distinct.setdefault(Masks.of(bare), len(distinct))
            numerator, denominator = target.threshold
            places.append(Place(place, bare_place, numerator, 100 * denominator))
        return Weighings(tuple(distinct), places[0], tuple(places[1:]))

    @cached_property
    def reaches(self) -> tuple[int, ...]:
        """All checks that each of the different targets counts, whatever their severity."""
        return tuple(masks.serious | masks.medium | masks.low for masks in self.weighings.distinct)


class Place(NamedTuple):
    """Where a target's weights are found, and what it asks of them."""

    place: int
    bare_place: int
    """Without exceptions."""
    numerator: int
    """Of the passing threshold in percent."""
    denominator: int
    """The same, times 100: ``denominator * passed weight >= numerator * total weight`` passes."""


class Weighings(NamedTuple):
    """The different targets of a profile, and which of them each policy needs."""

    distinct: tuple[Masks, ...]
    overall: Place
    policies: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class MachineScore:
    """A machine's scores at a moment."""

    overall: Score
    policies: tuple[tuple[str, Score], ...]
    without_exceptions: Score


def profile_of(
    policies: tuple[str, ...], targets: tuple[Target, ...], bare: tuple[Target, ...]
) -> Profile:
    """The profile of these policies' targets, with exceptions and without."""
    return Profile(policies, targets, union(targets), bare, union(bare))


def union(targets: tuple[Target, ...]) -> Target:
    """All of a machine's policies together: each check once.

    A check that every policy which selects it exempts is exempted; otherwise the policies in which
    it is not exempted supply its severity (the highest) and its error handling
    (docs/reference/scoring.md).
    """
    critical = high = medium = low = exempted = misfit = counted_errors = 0
    for target in targets:
        critical |= target.critical
        high |= target.high
        medium |= target.medium
        low |= target.low
        exempted |= target.exempted
        misfit |= target.not_applicable
        counted_errors |= target.counted_errors
    high &= ~critical
    medium &= ~(critical | high)
    low &= ~(critical | high | medium)
    counted = critical | high | medium | low
    return Target(
        critical,
        high,
        medium,
        low,
        exempted & ~counted & ~misfit,
        misfit,
        counted_errors,
        (0, 1),
    )


def score_profile(profile: Profile, posture: Posture) -> MachineScore:
    """Score a posture, per policy and over all policies."""
    scores = [score(target, posture) for target in profile.targets]
    bare = [score(target, posture) for target in profile.bare_targets]
    return MachineScore(
        overall=score(profile.overall, posture)._replace(
            compliant=all_compliant([each.compliant for each in scores])
        ),
        policies=tuple(zip(profile.policies, scores, strict=True)),
        without_exceptions=score(profile.bare_overall, posture)._replace(
            compliant=all_compliant([each.compliant for each in bare])
        ),
    )
