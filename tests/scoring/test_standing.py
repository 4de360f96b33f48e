"""A machine's standings before and after a report, and what they do to the counters."""

from __future__ import annotations

from hypothesis import given

from controller.model.posture import Posture, positions
from controller.scoring.ledger import Ledger, effective
from controller.scoring.profile import Profile
from controller.scoring.standing import figures_after, standings
from controller.store.columns import standing_columns
from tests.scoring.test_many import postures, profiles


@given(profiles, postures(), postures())
def test_what_follows_from_the_figures_before_is_what_weighing_gives(
    profile: Profile, before: Posture, after: Posture
) -> None:
    was = [standing_columns(each) for each in standings(profile, before)]
    turned = before.passed ^ after.passed | before.failed ^ after.failed
    turned |= before.errored ^ after.errored
    now = figures_after(profile, was, turned, after)
    assert now == [standing_columns(each) for each in standings(profile, after)]


@given(profiles, postures(), postures())
def test_taking_anothers_place_is_leaving_and_entering(
    profile: Profile, before: Posture, after: Posture
) -> None:
    at_once, one_by_one = Ledger(), Ledger()
    both = zip(standings(profile, before), standings(profile, after), strict=True)
    for key, (old, new) in enumerate(both):
        at_once.turn(key, standing_columns(old), standing_columns(new))
        one_by_one.standing(key, old, -1)
        one_by_one.standing(key, new, 1)
    changed = [
        (position, before.outcome(position), after.outcome(position))
        for position in positions(before.reported | after.reported)
    ]
    at_once.turns(profile.overall.counted, changed)
    one_by_one.bits(effective(profile, before), effective(profile, after))
    assert at_once.totals == one_by_one.totals
    sums = {position: row for position, row in at_once.checks.items() if any(row)}
    assert sums == {position: row for position, row in one_by_one.checks.items() if any(row)}
