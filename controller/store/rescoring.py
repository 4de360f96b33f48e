"""Judge stored postures again when the judgement, or a machine, changes.

Few machines are judged inside the transaction that makes the change, many in a fleet-wide change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import compress
from operator import is_not
from typing import Final

from controller.model.posture import Posture
from controller.scoring.carry import Carry
from controller.scoring.ledger import NOTHING, Ledger, effective
from controller.scoring.many import score_many
from controller.scoring.profile import Profile
from controller.scoring.rulebook import Moment, kinds
from controller.scoring.staleness import paces
from controller.scoring.standing import Standing, standings
from controller.store.columns import instant, standing_columns
from controller.store.context import Judged
from controller.store.fleet_change import FleetChange
from controller.store.port.fleet import Cause
from controller.store.score_rows import keys_of
from controller.store.staleness import Subject

_Pair = tuple[int, Standing | None, Standing | None]
IN_PLACE: Final = 1_000
"""How many machines are judged again inside the changing transaction itself."""


class Rescoring(FleetChange):
    """Score rows, counters and history, kept in step with postures and judgement."""

    in_place = IN_PLACE

    def rejudge(
        self,
        before: Moment,
        after: Moment,
        cause: Cause,
        as_of: datetime,
        *,
        numbers: Sequence[int] | None = None,
        carry: Sequence[Carry] = (),
    ) -> None:
        """Bring scores from one moment to another.

        Args:
            before: What the stored scores were judged by.
            after: What is in force from now on.
            cause: For the history.
            as_of: Now.
            numbers: The only machines that can be concerned; none means all.
            carry: Definitions that may be judged again from evidence.
        """
        judged = self.judged()
        judged = replace(
            judged,
            epoch=judged.epoch + 1,
            active=after.active,
            changed_at=instant(as_of),
        )
        schedules = numbers is None and _other_paces(before, after)
        narrow = numbers is not None and len(numbers) <= self.in_place
        if not narrow and (judged.cursor is not None or self._approved() > self.in_place):
            self._begin_fleet_change(judged, cause, as_of, carry, schedules=schedules)
            return
        if judged.cursor is None:
            judged = replace(judged, visible_revision=judged.revision)
        # One that comes while a fleet-wide change goes on is measured with that.
        alone = judged.cursor is None
        movement = self.begin_movement(cause, as_of) if alone else None
        self.save_judged(judged)
        ledger = Ledger()
        subjects = self.subjects(numbers)
        for (old, new), alike in kinds(subjects, before, after):
            self._move_many(alike, (old, new), carry, cause, as_of, ledger)
        self.post(ledger, judged.target_slot, as_of)
        if movement is not None:
            self.end_movement(movement)
        if schedules:
            self.restale(subjects)

    def _approved(self) -> int:
        row = self.db.one("SELECT count(*) FROM machine WHERE status = 'approved'")
        return int(row[0]) if row else 0

    def move(
        self,
        subject: Subject,
        old: Profile | None,
        new: Profile | None,
        posture: Posture,
        cause: Cause,
        as_of: datetime,
        judged: Judged,
        ledger: Ledger,
    ) -> tuple[Standing, ...]:
        """Bring one machine's rows from an old profile and posture to new ones.

        No old profile: the machine enters. No new one: it leaves. Rows whose turn is still to come
        in a fleet-wide change are left alone.
        """
        slot = judged.slot_of(subject.number)
        if slot is None:
            return standings(new, posture) if new is not None else ()
        pairs, now = self._pairs(old, new, subject.posture, posture)
        pending, number = self._pending, subject.number
        told = (number, instant(as_of), cause.kind, cause.ref, cause.detail)
        for key, before, after in pairs:
            if before == after:
                continue
            if before is None or after is None:
                for standing, sign in ((before, -1), (after, 1)):
                    if standing is not None:
                        ledger.standing(key, standing, sign)
            if after is None:
                pending.gone.append((slot, number, key))
                continue
            columns = standing_columns(after)
            if before is not None:
                ledger.turn(key, standing_columns(before), columns)
            pending.scores.append((slot, number, key, *columns))
            if before is None or before[:3] != after[:3]:
                pending.changed(told, key, columns)
        ledger.bits(
            effective(old, subject.posture) if old is not None else NOTHING,
            effective(new, posture) if new is not None else NOTHING,
        )
        return now

    def _pairs(
        self, old: Profile | None, new: Profile | None, before: Posture, after: Posture
    ) -> tuple[Iterable[_Pair], tuple[Standing, ...]]:
        """A machine's standings before and after, by the key of their row; and those after."""
        numbers = self.policy_numbers_cached()
        if old is new and new is not None:  # as with every report
            was, now = standings(new, before), standings(new, after)
            return zip(keys_of(new, numbers), was, now, strict=True), now
        was = standings(old, before) if old is not None else ()
        now = standings(new, after) if new is not None else ()
        was_by_key = dict(zip(keys_of(old, numbers), was, strict=True))
        now_by_key = dict(zip(keys_of(new, numbers), now, strict=True))
        keys = dict.fromkeys([*was_by_key, *now_by_key])
        return [(key, was_by_key.get(key), now_by_key.get(key)) for key in keys], now

    def _move_many(
        self,
        subjects: Sequence[Subject],
        profiles: tuple[Profile, Profile],
        carry: Sequence[Carry],
        cause: Cause,
        as_of: datetime,
        ledger: Ledger,
    ) -> None:
        """Bring the rows of many machines of one kind from an old profile to a new one."""
        (old, new), judged = profiles, self.judged()
        before = [each.posture for each in subjects]
        after = [self.carried(each, carry, as_of) for each in subjects] if carry else before
        turn = [judged.slot_of(each.number) is not None for each in subjects]
        if not all(turn):  # a fleet-wide change has still to come to them
            subjects = list(compress(subjects, turn))
            before, after = list(compress(before, turn)), list(compress(after, turn))
        if not subjects:
            return
        was = score_many(old, before)
        now = score_many(new, after, (old, was) if before == after else None)
        numbers, places = self.policy_numbers_cached(), [each.number for each in subjects]
        was_by_key = dict(zip(keys_of(old, numbers), was, strict=True))
        now_by_key = dict(zip(keys_of(new, numbers), now, strict=True))
        for key in was_by_key.keys() | now_by_key.keys():
            pair = was_by_key.get(key), now_by_key.get(key)
            self.gather(judged.target_slot, key, places, *pair, cause, as_of, ledger)
        if old != new or before != after:
            for posture, moved in zip(before, after, strict=True):
                ledger.bits(effective(old, posture), effective(new, moved))


def _other_paces(before: Moment, after: Moment) -> bool:
    """Whether any policy asks for other paces than before; most are the very same objects."""
    old, new = before.rulebook.policies, after.rulebook.policies
    came = list(compress(new.values(), map(is_not, map(old.get, new), new.values())))
    went = [old[each.id] for each in came if each.id in old]
    if len(old) - len(went) != len(new) - len(came):  # looked for only where some are gone
        went += [old[id_] for id_ in old.keys() - new.keys()]
    return paces(each.document for each in came) != paces(each.document for each in went)
