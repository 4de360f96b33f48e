"""Looks a store through: the file, the audit trail, and that scores and counters follow from facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from controller.model.integrity import AuditHead, Finding
from controller.model.posture import Posture
from controller.scoring.ledger import NOTHING, OVERALL, Ledger, effective
from controller.scoring.profile import Profile
from controller.scoring.standing import Figures, standings
from controller.store.audit import HEAD, AuditReading
from controller.store.columns import posture_of, standing_columns
from controller.store.context import Judged
from controller.store.fleet_read import FleetReading
from controller.store.machine_list import WALKED
from controller.store.movements import NO_TOTALS, TOTAL_COLUMNS
from controller.store.trail_check import check_trail

_CHUNK: Final = 1_000
_MOST: Final = 1_000
"""Findings told; a store with more is beyond being told row by row."""


class VerificationReading(FleetReading, AuditReading):
    """Reads everything and judges it anew."""

    def audit_head(self) -> AuditHead | None:
        found = self.meta(HEAD)
        return AuditHead(int(found["number"]), str(found["hash"])) if found else None

    def audit_hash(self, number: int) -> str | None:
        row = self.db.one("SELECT hash FROM audit WHERE number = ?", (number,))
        return str(row[0]) if row else None

    def verify_trail(self) -> Iterator[Finding]:
        rows = self.db.all(
            "SELECT number, hash, at, actor, action, object, revision, detail FROM audit"
            " ORDER BY number"
        )
        yield from check_trail(rows, self.audit_head())

    def verify_scores(self) -> Iterator[Finding]:
        judged = self.judged()
        if judged.cursor is not None:
            return  # a fleet-wide change goes on; it is judged anew as it is
        count = Ledger()
        for told, finding in enumerate(self._machines(judged, count), start=1):
            yield finding
            if told >= _MOST:
                return
        yield from self._recounted(judged.slot, count)

    def _machines(self, judged: Judged, count: Ledger) -> Iterator[Finding]:
        moment = self.judged_moment()
        numbers = self.policy_numbers()
        after = 0
        while True:
            rows = self.db.all(
                "SELECT m.number, m.uuid, m.os, m.tags, p.passed, p.failed, p.errored,"  # noqa: S608
                " p.not_applicable FROM machine m JOIN posture p ON p.machine = m.number"
                f" WHERE {WALKED} AND m.number > ? ORDER BY m.number LIMIT ?",
                (after, _CHUNK),
            )
            if not rows:
                return
            kept = self._kept(judged.slot, after, rows[-1][0])
            for number, uuid, os, tags, *columns in rows:
                profile = moment.profile(uuid, os, tuple(_names(tags)))
                posture = posture_of((columns[0], columns[1], columns[2], columns[3]))
                wanted: dict[int, Figures] = {}
                keys = [OVERALL, *(numbers[id_] for id_ in profile.policies)]
                for key, standing in zip(keys, standings(profile, posture), strict=True):
                    wanted[key] = standing_columns(standing)
                    count.standing(key, standing, 1)
                count.bits(NOTHING, effective(profile, posture))
                if _contradicts(posture):
                    message = "a check has more than one outcome; what is stored was never reported"
                    yield Finding("facts", f"machine/{uuid}", message)
                stored = kept.get(number, {})
                if stored != wanted:
                    wrong = sorted(
                        key
                        for key in wanted.keys() | stored.keys()
                        if wanted.get(key) != stored.get(key)
                    )
                    yield Finding("scores", f"machine/{uuid}", _told(profile, numbers, wrong))
            after = rows[-1][0]

    def _kept(self, slot: int, after: int, last: int) -> dict[int, dict[int, Figures]]:
        rows = self.db.all(
            "SELECT machine, policy, hundredths, risk, compliant, bare_hundredths, bare_risk,"
            " bare_compliant FROM score WHERE slot = ? AND machine > ? AND machine <= ?",
            (slot, after, last),
        )
        found: dict[int, dict[int, Figures]] = {}
        for machine, policy, *columns in rows:
            standing = (columns[0], columns[1], columns[2], columns[3], columns[4], columns[5])
            found.setdefault(machine, {})[policy] = standing
        return found

    def _recounted(self, slot: int, count: Ledger) -> Iterator[Finding]:
        rows = self.db.all(
            f"SELECT policy, {TOTAL_COLUMNS} FROM total WHERE slot = ?",  # noqa: S608
            (slot,),
        )
        names = {number: f"policy/{id_}" for id_, number in self.policy_numbers().items()}
        kept = {policy: tuple(columns) for policy, *columns in rows if any(columns)}
        for key in sorted(kept.keys() | count.totals.keys()):
            stored_row, counted_row = kept.get(key, NO_TOTALS), tuple(count.totals[key])
            if stored_row != counted_row:
                about = "the fleet" if key == OVERALL else names.get(key, f"policy number {key}")
                message = f"the counters are {stored_row}, a recount gives {counted_row}"
                yield Finding("totals", about, message)
        stored = {
            position: tuple(columns)
            for position, *columns in self.db.all(
                "SELECT position, passed, failed, errored, exempted FROM check_total WHERE slot = ?",
                (slot,),
            )
            if any(columns)
        }
        for position in sorted(stored.keys() | count.checks.keys()):
            counted = tuple(count.checks[position])
            if stored.get(position, (0, 0, 0, 0)) != counted:
                message = f"the counters are {stored.get(position)}, a recount gives {counted}"
                yield Finding("totals", f"check at position {position}", message)


def _contradicts(posture: Posture) -> bool:
    """Whether some check is counted under two outcomes."""
    sets = (posture.passed, posture.failed, posture.errored, posture.not_applicable)
    return (
        sum(each.bit_count() for each in sets)
        != (sets[0] | sets[1] | sets[2] | sets[3]).bit_count()
    )


def _told(profile: Profile, numbers: dict[str, int], wrong: list[int]) -> str:
    names = {number: id_ for id_, number in numbers.items()}
    shown = ", ".join("overall" if n == OVERALL else names.get(n, str(n)) for n in wrong[:5])
    return (
        f"the stored scores ({shown}) do not follow from what it reported and the "
        f"{len(profile.policies)} policies in force"
    )


def _names(tags: str) -> list[str]:
    found: list[str] = json.loads(tags)
    return found
