"""Score many machines of one kind at once. Pure.

What comes out is what ``standings`` gives for each machine; a test holds that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from controller.model.posture import Posture
from controller.model.terms import RISK_NUMBER, WEIGHTS
from controller.scoring.lanes import LANE, Crowd, Source, Term, terms
from controller.scoring.profile import Profile
from controller.scoring.score import Masks
from controller.scoring.standing import standings

FEW: Final = 16
"""Fewer machines than this are scored one by one: preparing columns would cost more."""


class Column(NamedTuple):
    """One score of many machines, a place each, in the order in which they were given."""

    hundredths: Sequence[int | None]
    risks: bytes
    """Places in ``RISK_LEVELS``."""
    compliant: Sequence[bool | None]


Columns = tuple[tuple[Column, Column], ...]
"""Everything together first, then the policies in order: each with the exceptions, and without any."""


def score_many(
    profile: Profile, postures: Sequence[Posture], was: tuple[Profile, Columns] | None = None
) -> Columns:
    """What ``standings`` gives for each of these machines.

    Args:
        profile: Of all of them.
        postures: Of each.
        was: Another profile, and what this function gave under it for the same postures. What did not
            change from it to this one is taken over: when an exception starts or ends that is most.
    """
    if len(postures) >= FEW:
        known = _known(*was) if was else {}
        scale = _scale(_unknown(profile, known))
        if scale.heaviest < LANE:
            return _Judging(profile, scale, postures, known).columns()
    return _one_by_one(profile, postures)


def _one_by_one(profile: Profile, postures: Sequence[Posture]) -> Columns:
    rows = [standings(profile, posture) for posture in postures]
    found = []
    for place in range(len(profile.policies) + 1):
        kept = [row[place] for row in rows]
        found.append(
            (
                Column(
                    [each.hundredths for each in kept],
                    bytes([RISK_NUMBER[each.risk] for each in kept]),
                    [each.compliant for each in kept],
                ),
                Column(
                    [each.bare_hundredths for each in kept],
                    bytes([RISK_NUMBER[each.bare_risk] for each in kept]),
                    [each.bare_compliant for each in kept],
                ),
            )
        )
    return tuple(found)


class _Key(NamedTuple):
    """What a policy's column follows from."""

    masks: Masks
    numerator: int
    """Of the threshold; see ``Place``."""
    denominator: int


_Asked = tuple[_Key, ...]
"""What any column follows from: a policy's own key, or that of everything together and then the keys of
all policies, since it is compliant when they are."""


def _asked(profile: Profile) -> list[tuple[_Asked, _Asked]]:
    """Everything together first, then the policies: each with the exceptions, and without any."""
    distinct, overall, policies = profile.weighings
    keys = [_Key(distinct[each[0]], each[2], each[3]) for each in (overall, *policies)]
    bare = [_Key(distinct[each[1]], each[2], each[3]) for each in (overall, *policies)]
    singly = [((key,), (other,)) for key, other in zip(keys[1:], bare[1:], strict=True)]
    return [(tuple(keys), tuple(bare)), *singly]


def _known(profile: Profile, columns: Columns) -> dict[_Asked, Column]:
    found: dict[_Asked, Column] = {}
    for asked, pair in zip(_asked(profile), columns, strict=True):
        found.update(zip(asked, pair, strict=True))
    return found


def _unknown(profile: Profile, known: Mapping[_Asked, Column]) -> tuple[Masks, ...]:
    """What is still to be weighed."""
    asked = [each for pair in _asked(profile) for each in pair if each not in known]
    return tuple(dict.fromkeys(first.masks for first, *_ in asked))


# -- what targets weigh, byte by byte


_Sums = tuple[tuple[Term, ...], ...]
"""The seven sums of a target: the weight of what passed, of all that counts, and of errors that count
(where the second leaves them out); how many critical, high and medium checks failed; and how many errors
are of a critical or high check."""


class _Scale(NamedTuple):
    """The sums to be taken for some different targets."""

    sources: tuple[Source, ...]
    """Of which bitmap each sum is taken."""
    common: _Sums
    """Terms that all these targets have: they are added up once."""
    own: dict[Masks, _Sums]
    bits: int
    """Everything that any of them looks at."""
    heaviest: int


@lru_cache(maxsize=256)
def _scale(targets: tuple[Masks, ...]) -> _Scale:
    all_errors = all(not _everything(masks) & ~masks.counted_errors for masks in targets)
    sums = {masks: _sums(masks, apart=not all_errors) for masks in targets}
    common = tuple(
        tuple(term for term in first if all(term in other for other in others))
        for first, *others in zip(*sums.values(), strict=True)
    )
    own = {
        masks: tuple(
            tuple(term for term in each if term not in shared)
            for each, shared in zip(sums[masks], common, strict=True)
        )
        for masks in targets
    }
    total: Source = "reported" if all_errors else "known"
    sources: tuple[Source, ...] = (
        "passed", total, "errored", "failed", "failed", "failed", "errored",
    )  # fmt: skip
    bits = heaviest = 0
    for masks in targets:
        bits |= _everything(masks)
        heaviest = max(heaviest, sum(mask.bit_count() * each for mask, each in _weights(masks)))
    return _Scale(sources, common, own, bits, heaviest)


def _everything(masks: Masks) -> int:
    return masks.serious | masks.medium | masks.low


def _weights(masks: Masks) -> tuple[tuple[int, int], ...]:
    return tuple(zip(masks[:4], WEIGHTS.values(), strict=True))


def _sums(masks: Masks, *, apart: bool) -> _Sums:
    """The sums of a target; ``apart`` where not every error counts."""
    weights = _weights(masks)
    wrong = tuple((mask & masks.counted_errors, weight) for mask, weight in weights if apart)
    passed = terms(weights)
    counts = (masks.critical, masks.high, masks.medium, masks.serious)
    return passed, passed, terms(wrong), *(terms(((mask, 1),)) for mask in counts)


class _Weighed(NamedTuple):
    """What a target comes to on each machine, before any threshold."""

    weights: tuple[int, ...]
    totals: tuple[int, ...]
    hundredths: list[int | None]
    risks: bytes


class _Judging:
    """The columns of one profile over one crowd."""

    def __init__(
        self,
        profile: Profile,
        scale: _Scale,
        postures: Sequence[Posture],
        known: dict[_Asked, Column],
    ) -> None:
        self._profile = profile
        self._scale = scale
        self._known = known
        self._crowd = crowd = Crowd(scale.bits, postures)
        self._common = list(map(crowd.sum, scale.sources, scale.common))
        self._weighed: dict[Masks, _Weighed] = {}

    def columns(self) -> Columns:
        """Everything together first, then the policies in order."""
        overall, *policies = _asked(self._profile)
        columns = [(self._policy(asked), self._policy(bare)) for asked, bare in policies]
        first = (
            self._overall(overall[0], [column for column, _ in columns]),
            self._overall(overall[1], [bare for _, bare in columns]),
        )
        return (first, *columns)

    def _policy(self, asked: _Asked) -> Column:
        found = self._known.get(asked)
        if found is None:
            weighed = self._weigh(asked[0].masks)
            compliant = _compliance(weighed, asked[0])
            found = self._known[asked] = Column(weighed.hundredths, weighed.risks, compliant)
        return found

    def _overall(self, asked: _Asked, policies: list[Column]) -> Column:
        found = self._known.get(asked)
        if found is not None:
            return found
        weighed = self._weigh(asked[0].masks)
        compliant: list[bool | None] = [None] * self._crowd.count
        if policies:
            compliant = [
                False if False in said else True if True in said else None
                for said in zip(*(each.compliant for each in policies), strict=True)
            ]
        return Column(weighed.hundredths, weighed.risks, compliant)

    def _weigh(self, masks: Masks) -> _Weighed:
        found = self._weighed.get(masks)
        if found is None:
            found = self._weighed[masks] = self._add_up(masks)
        return found

    def _add_up(self, masks: Masks) -> _Weighed:
        crowd, scale = self._crowd, self._scale
        passed, total, wrong, critical, high, medium, severe = (
            common + crowd.sum(source, own) if own else common
            for source, own, common in zip(
                scale.sources, scale.own[masks], self._common, strict=True
            )
        )
        total += wrong
        weights, totals = crowd.numbers(passed), crowd.numbers(total)
        hundredths: list[int | None]
        if 0 in totals:
            hundredths = [
                weight * 10_000 // total if total else None
                for weight, total in zip(weights, totals, strict=True)
            ]
        else:
            hundredths = [
                weight * 10_000 // total for weight, total in zip(weights, totals, strict=True)
            ]
        risks = crowd.risks(total, critical, high, medium, severe)
        return _Weighed(weights, totals, hundredths, risks)


def _compliance(weighed: _Weighed, asked: _Key) -> list[bool | None]:
    """Whether each machine reaches a threshold, exactly."""
    weights, totals, hundredths, _ = weighed
    _, numerator, denominator = asked
    least, finer = divmod(10_000 * numerator, denominator)
    if finer or None in hundredths:
        return [
            denominator * weight >= numerator * total if total else None
            for weight, total in zip(weights, totals, strict=True)
        ]
    # A threshold in whole hundredths is reached exactly when the score, rounded down to them, is.
    return [each >= least for each in hundredths]  # type: ignore[operator]
