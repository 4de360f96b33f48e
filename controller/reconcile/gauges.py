"""How much each weakening weighs on the fleet: every one alone, beside all else that would be in force.

A gauge is bound once to a pair of profiles (what is asked of one kind of machine before and after) and
then sees every machine of that kind. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from controller.model.documents import Waiver
from controller.model.managed import Managed
from controller.model.posture import Posture
from controller.model.terms import Severity
from controller.reconcile.policy_gauges import (
    POLICY_GAUGES,
    Averages,
    Judgement,
    Meter,
    PolicyGauge,
    heavier,
)
from controller.reconcile.translation import Translation
from controller.scoring.coverage import Covered
from controller.scoring.ledger import column_sums
from controller.scoring.profile import Profile, union
from controller.scoring.rulebook import Rulebook
from controller.scoring.waivers import starts_at

Json = dict[str, Any]
MOST_SEVERITIES: Final = 30
"""How many checks of lowered severity are weighed alone: each costs a scoring of the fleet."""
_GONE: Final = frozenset({"removed", "level", "platforms"})
_BATCH: Final = 4096


class Weakening(NamedTuple):
    """One way in which one change weakens."""

    kind: str
    id: str
    by: str


class Gauges:
    """All weakenings of a plan."""

    def __init__(
        self,
        weakenings: Iterable[Weakening],
        before: Rulebook,
        after: Rulebook,
        translation: Translation,
        as_of: datetime,
    ) -> None:
        """Prepare.

        Args:
            weakenings: What to weigh.
            before: What is in force.
            after: What would be.
            translation: Between the two.
            as_of: Now.
        """
        self._before, self._after = before, after
        self._policies: defaultdict[str, dict[str, PolicyGauge]] = defaultdict(dict)
        self._checks = _CheckGauges(before, after, translation)
        self._waivers: list[Weakening] = []
        for each in weakenings:
            if each.kind == "policy" and each.by in POLICY_GAUGES:
                gauge = POLICY_GAUGES[each.by](each.id, before, after, as_of)
                self._policies[each.id][each.by] = gauge
            elif each.kind == "check":
                self._checks.add(each.id, each.by)
            elif each.kind == "exception":
                self._waivers.append(each)

    @property
    def left_out(self) -> int:
        """Lowered severities that are not weighed, for there are too many."""
        return self._checks.left_out

    def bind(self, old: Profile, new: Profile) -> tuple[Meter, ...]:
        """What looks at every machine that has these profiles."""
        was = dict(zip(old.policies, old.targets, strict=True))
        now = dict(zip(new.policies, new.targets, strict=True))
        found = [
            meter
            for id_ in was.keys() | now.keys()
            for gauge in self._policies.get(id_, {}).values()
            if (meter := gauge.bind(Judgement(was.get(id_), now.get(id_))))
        ]
        return (*found, *self._checks.bind(old, new))

    def told(
        self, gone: Mapping[str, Covered], come: Mapping[str, Covered]
    ) -> dict[Weakening, Json]:
        """What was found.

        Args:
            gone: Exceptions as they are, by id.
            come: Exceptions as they would be.
        """
        found = {
            Weakening("policy", id_, by): gauge.told()
            for id_, gauges in self._policies.items()
            for by, gauge in gauges.items()
        }
        found |= {Weakening("check", *key): told for key, told in self._checks.told()}
        for each in self._waivers:
            if each.id in come:
                found[each] = _exception(each.by, gone.get(each.id), come[each.id])
        return found


class _CheckGauges:
    def __init__(self, before: Rulebook, after: Rulebook, translation: Translation) -> None:
        self._before, self._after, self._translation = before, after, translation
        self._gone: set[tuple[str, str]] = set()
        self._gone_bits = 0
        self._failing: list[int] = []
        self._counts: defaultdict[int, int] = defaultdict(int)
        self._eased: dict[str, int] = {}
        self._lighter: dict[str, Averages] = {}
        self.left_out = 0

    def add(self, id_: str, by: str) -> None:
        if by in _GONE:
            self._gone.add((id_, by))
            self._gone_bits |= 1 << self._before.positions[id_]
        elif by == "expectation":
            self._eased[id_] = 0
        elif by == "severity" and len(self._lighter) < MOST_SEVERITIES:
            self._lighter[id_] = Averages()
        elif by == "severity":
            self.left_out += 1

    def bind(self, old: Profile, new: Profile) -> Iterator[Meter]:
        kept = self._translation.back(new.overall.counted | new.overall.exempted)
        if lost := self._gone_bits & old.overall.counted & ~kept:
            yield self._lost(lost)
        for id_ in self._eased:
            was, now = (1 << each.positions[id_] for each in (self._before, self._after))
            if old.overall.counted & was and new.overall.counted & now:
                yield self._easing(id_, was, now)
        for id_, averages in self._lighter.items():
            without = self._without(new, id_)
            if without != new.overall:
                yield averages.meter(without, new.overall)

    def _lost(self, bits: int) -> Meter:
        def meter(was: Posture, _: Posture) -> None:
            if found := was.failed & bits:
                self._failing.append(found)
                if len(self._failing) == _BATCH:
                    self._count()

        return meter

    def _easing(self, id_: str, was_bit: int, now_bit: int) -> Meter:
        def meter(was: Posture, now: Posture) -> None:
            self._eased[id_] += bool(was.failed & was_bit and now.passed & now_bit)

        return meter

    def _without(self, new: Profile, id_: str) -> Any:  # noqa: ANN401 - a target
        """Everything together, had the check's own severity stayed."""
        was: dict[int, Severity] = {
            self._after.positions[id_]: self._before.checks[id_].document.severity
        }
        targets = tuple(
            target
            if id_ in self._after.policies[policy].document.severity_overrides
            else heavier(target, was)
            for policy, target in zip(new.policies, new.targets, strict=True)
        )
        return union(targets)

    def _count(self) -> None:
        for position, number in column_sums(self._failing).items():
            self._counts[position] += number
        self._failing.clear()

    def told(self) -> Iterator[tuple[tuple[str, str], Json]]:
        self._count()
        for id_, by in self._gone:
            yield (id_, by), {"agents": self._counts[self._before.positions[id_]]}
        for id_, agents in self._eased.items():
            yield (id_, "expectation"), {"agents": agents}
        for id_, averages in self._lighter.items():
            yield (id_, "severity"), averages.told()


def _exception(by: str, gone: Covered | None, come: Covered) -> Json:
    told: Json = {"agents": come.agents, "pairs": come.pairs, "failing": come.failing}
    if by in {"checks", "reach"} and gone is not None:
        told |= {"pairs_before": gone.pairs, "failing_before": gone.failing}
    if by == "added":
        told["days"] = _days(come.life)
    elif by == "end" and gone is not None:
        told["days"] = _longer(gone.waiver, come.waiver)
    elif by == "start" and gone is not None:
        told["days"] = _days(starts_at(gone.waiver) - starts_at(come.waiver))
    return told


def _longer(gone: Managed[Waiver], come: Managed[Waiver]) -> float | None:
    """By how many days the end moves; none when there is no end any more."""
    was, now = gone.document.expires_at, come.document.expires_at
    return None if was is None or now is None else _days(now - was)


def _days(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds() // 864 / 100
