"""A machine's standings before and after a report, and what they do to the counters."""

from __future__ import annotations

from hypothesis import given

from controller.model.posture import Posture
from controller.scoring.ledger import Ledger
from controller.scoring.profile import Profile
from controller.scoring.standing import standings, standings_of_both
from tests.scoring.test_many import postures, profiles


@given(profiles, postures(), postures())
def test_both_at_once_are_what_each_is_alone(
    profile: Profile, before: Posture, after: Posture
) -> None:
    both = standings_of_both(profile, before, after)
    assert both == (standings(profile, before), standings(profile, after))


@given(profiles, postures(), postures())
def test_taking_anothers_place_is_leaving_and_entering(
    profile: Profile, before: Posture, after: Posture
) -> None:
    at_once, one_by_one = Ledger(), Ledger()
    was, now = standings_of_both(profile, before, after)
    for key, (old, new) in enumerate(zip(was, now, strict=True)):
        at_once.turn(key, old, new)
        one_by_one.standing(key, old, -1)
        one_by_one.standing(key, new, 1)
    assert at_once.totals == one_by_one.totals
