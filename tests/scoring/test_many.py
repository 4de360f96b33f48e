"""Scoring many machines at once gives what scoring each of them gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.model.posture import Posture
from controller.model.terms import RISK_NUMBER
from controller.scoring import lanes
from controller.scoring.ledger import NOTHING, Ledger, column_sums, effective
from controller.scoring.many import FEW, Columns, score_many
from controller.scoring.profile import Profile, profile_of
from controller.scoring.score import Target
from controller.scoring.standing import Standing, standings

WIDE = 70
"""Positions that masks use; bitmaps go further."""
BOUND = (lanes.LANE - 1) // 10
"""The most critical checks whose weights fit a lane."""


def bitmaps(width: int = WIDE) -> st.SearchStrategy[int]:
    return st.integers(0, 2**width - 1)


@st.composite
def postures(draw: Any, width: int = WIDE) -> Posture:
    """Outcomes, also at positions that no policy selects."""
    first, second = draw(bitmaps(width + 20)), draw(bitmaps(width + 20))
    return Posture(first & second, first & ~second, second & ~first & draw(bitmaps(width + 20)))


@st.composite
def targets(draw: Any) -> tuple[Target, Target]:
    """A policy's target with exceptions, and without."""
    reach = draw(st.sampled_from([0, 0b1011, 2**9 - 1, 2**WIDE - 1]))
    one, two = draw(bitmaps()), draw(bitmaps())
    exempted = reach & draw(bitmaps()) & draw(st.sampled_from([0, 1, reach]))
    counted_errors = draw(st.sampled_from([0, reach, reach & one]))
    threshold = draw(
        st.sampled_from(
            [(0, 1), (80, 1), (100, 1), (799, 10), (66_667, 1_000), (6667, 100), (200, 3)]
        )
    )

    def target(out: int) -> Target:
        keep = reach & ~out
        return Target(
            critical=one & two & keep,
            high=one & ~two & keep,
            medium=two & ~one & keep,
            low=keep & ~one & ~two,
            exempted=out,
            not_applicable=0,
            counted_errors=counted_errors & keep,
            threshold=threshold,
        )

    return target(exempted), target(0)


def profile_for(pairs: list[tuple[Target, Target]]) -> Profile:
    names = tuple(f"p{number}" for number in range(len(pairs)))
    return profile_of(names, tuple(each for each, _ in pairs), tuple(bare for _, bare in pairs))


profiles = st.lists(targets(), max_size=4).map(profile_for)


def crowds(most: int = 100) -> st.SearchStrategy[list[Posture]]:
    """Few and many machines, drawn from some so that large crowds stay cheap."""
    count = st.one_of(st.integers(0, most), st.sampled_from([0, 1, FEW - 1, FEW, FEW + 1, 99]))
    some = st.lists(postures(), min_size=1, max_size=7)
    return st.builds(
        lambda few, n: [few[place * place % len(few)] for place in range(n)], some, count
    )


def by_column(profile: Profile, crowd: list[Posture]) -> list[list[tuple[Any, ...]]]:
    """What ``standings`` gives, turned: for each policy a row of each machine."""
    rows = [standings(profile, posture) for posture in crowd]
    return [[_stored(row[place]) for row in rows] for place in range(len(profile.policies) + 1)]


def _stored(each: Standing) -> tuple[Any, ...]:
    return (
        each.hundredths, RISK_NUMBER[each.risk], each.compliant,
        each.bare_hundredths, RISK_NUMBER[each.bare_risk], each.bare_compliant,
    )  # fmt: skip


def read(columns: Columns) -> list[list[tuple[Any, ...]]]:
    return [list(zip(*column, *bare, strict=True)) for column, bare in columns]


@given(profiles, crowds())
def test_many_machines_score_as_each_of_them_does(profile: Profile, crowd: list[Posture]) -> None:
    assert read(score_many(profile, crowd)) == by_column(profile, crowd)


@given(profiles, profiles, crowds(40), st.sampled_from(["all else", "one policy", "nothing"]))
def test_what_is_taken_over_from_another_profile_is_what_judging_anew_gives(
    before: Profile, after: Profile, crowd: list[Posture], changed: str
) -> None:
    if changed == "one policy":  # as when an exception starts or ends
        pairs = list(zip(before.targets, before.bare_targets, strict=True))
        other = list(zip(after.targets, after.bare_targets, strict=True))
        after = profile_for([*pairs[:-1], *other[:1]])
    elif changed == "nothing":
        after = before

    there = score_many(after, crowd, (before, score_many(before, crowd)))
    back = score_many(before, crowd, (after, there))

    assert read(there) == by_column(after, crowd)
    assert read(back) == by_column(before, crowd)


@pytest.mark.parametrize("crowd", [[Posture(0b011, 0b100)], [Posture(0b011, 0b100), Posture()]])
@pytest.mark.parametrize(
    ("threshold", "reached"),
    [((6666, 100), True), ((6667, 100), False), ((66_667, 1_000), False), ((200, 3), True)],
)
def test_a_threshold_finer_than_what_is_shown_is_compared_exactly(
    crowd: list[Posture], threshold: tuple[int, int], *, reached: bool
) -> None:
    two_of_three = profile_for([(Target(0, 0, 0, 0b111, 0, 0, 0b111, threshold),) * 2])

    _, (column, bare) = score_many(two_of_three, crowd * FEW)

    assert column.compliant[0] is bare.compliant[0] is reached
    assert column.hundredths[0] == 6666


@pytest.mark.parametrize("checks", [BOUND - 1, BOUND, BOUND + 1])
@pytest.mark.parametrize("outcome", ["passed", "failed", "errored"])
def test_sums_as_large_as_a_lane_holds_and_larger_are_exact(checks: int, outcome: str) -> None:
    everything = 2**checks - 1
    # With these low checks the middle one of the three has the largest sum that still fits.
    low = (lanes.LANE - 1 - 10 * BOUND) * [1]
    more = sum(bit << checks + place for place, bit in enumerate(low))
    target = Target(everything, 0, 0, more, 0, 0, everything | more, (80, 1))
    full = Posture(**{outcome: everything | more})
    crowd = [full, Posture(passed=more), *[Posture(1, everything - 1)] * FEW, full]
    wanted = profile_for([(target, target)])

    assert read(score_many(wanted, crowd)) == by_column(wanted, crowd)


@given(st.lists(bitmaps(40), max_size=30), st.one_of(st.just(-1), bitmaps(45)))
@example([], -1)
@example([0, 0], -1)
def test_counting_columns_is_counting_bits(crowd: list[int], within: int) -> None:
    plain = {
        position: sum(bitmap >> position & 1 for bitmap in crowd)
        for position in range(41)
        if within >> position & 1
    }

    assert column_sums(crowd, within) == {each: n for each, n in plain.items() if n}


@given(profiles, st.lists(postures(), min_size=1, max_size=40))
def test_counters_of_many_machines_are_the_sum_of_each(
    profile: Profile, crowd: list[Posture]
) -> None:
    one_by_one, at_once, kind = Ledger(), Ledger(), Ledger()
    for posture in crowd:
        one_by_one.bits(NOTHING, effective(profile, posture))
        for key, standing in enumerate(standings(profile, posture)):
            one_by_one.standing(key, standing, 1)
    at_once.many([effective(profile, posture) for posture in crowd])
    kind.kind(profile, crowd)
    for key, pair in enumerate(score_many(profile, crowd)):
        kind.columns(key, pair, 1)

    assert dict(at_once.checks) == dict(one_by_one.checks) == dict(kind.checks)
    assert dict(kind.totals) == dict(one_by_one.totals)


def test_outcomes_beyond_every_mask_add_nothing() -> None:
    posture = Posture(passed=2 ** (WIDE + 3), failed=1)
    target = Target(1, 0, 0, 0, 0, 0, 1, (80, 1))
    crowd = [posture] * FEW

    (_, _), (column, _) = score_many(profile_for([(target, target)]), crowd)

    assert column.hundredths == [0] * FEW
