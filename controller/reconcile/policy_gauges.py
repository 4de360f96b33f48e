"""How much each way of weakening a policy weighs on the machines that it judges. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, NamedTuple

from controller.model.documents import Policy
from controller.model.posture import Posture
from controller.model.terms import SEVERITIES, Severity
from controller.scoring.rulebook import Rulebook
from controller.scoring.score import Masks, Target, meets, tally, weigh
from controller.scoring.staleness import stale_after

Json = dict[str, Any]
Meter = Callable[[Posture, Posture], None]
"""Takes one machine's posture, as it is and as it would be."""


class Judgement(NamedTuple):
    """What one policy asks of one kind of machine before and after; none where it does not judge it."""

    old: Target | None
    new: Target | None


class PolicyGauge:
    """Base: adds machines up."""

    def __init__(self, id_: str, before: Rulebook, after: Rulebook, as_of: datetime) -> None:
        self.id, self.before, self.after, self._as_of = id_, before, after, as_of
        self.agents = self.failing = 0

    def bind(self, judgement: Judgement) -> Meter | None:
        """A meter for machines of one kind; none when they cannot be concerned."""
        raise NotImplementedError

    def told(self) -> Json:
        """What was found."""
        return {"agents": self.agents, "failing": self.failing}

    def _policies(self) -> tuple[Policy, Policy]:
        return self.before.policies[self.id].document, self.after.policies[self.id].document


class Threshold(PolicyGauge):
    """Machines that are compliant only through the lower threshold."""

    def bind(self, judgement: Judgement) -> Meter | None:
        target = judgement.new
        if target is None:
            return None
        exact = Fraction(str(self.before.policies[self.id].document.passing_score_threshold))
        demanded = exact.numerator, exact.denominator
        masks = Masks.of(target)

        def meter(_: Posture, now: Posture) -> None:
            passed, total, _risk = weigh(masks, now.passed, now.failed, now.errored)
            lower, higher = meets(target.threshold, passed, total), meets(demanded, passed, total)
            self.agents += lower is True and higher is False

        return meter

    def told(self) -> Json:
        return {"agents": self.agents}


class LeftOut(PolicyGauge):
    """Failing results of checks that the policy no longer runs."""

    def __init__(self, id_: str, before: Rulebook, after: Rulebook, as_of: datetime) -> None:
        super().__init__(id_, before, after, as_of)
        gone = set(before.selected[id_]) - set(after.selected[id_])
        self._gone = before.bits(each for each in gone if each in after.checks)

    def bind(self, judgement: Judgement) -> Meter | None:
        bits = judgement.old.counted & self._gone if judgement.old else 0
        return self._failing(bits) if bits else None

    def _failing(self, bits: int) -> Meter:
        def meter(was: Posture, _: Posture) -> None:
            if found := (was.failed & bits).bit_count():
                self.agents += 1
                self.failing += found

        return meter


class Judged(PolicyGauge):
    """Machines that the policy no longer judges."""

    def __init__(self, id_: str, before: Rulebook, after: Rulebook, as_of: datetime) -> None:
        super().__init__(id_, before, after, as_of)
        self.noncompliant = 0

    def bind(self, judgement: Judgement) -> Meter | None:
        target = judgement.old
        if target is None or judgement.new is not None:
            return None

        def meter(was: Posture, _: Posture) -> None:
            weighed = tally(target, was)
            verdict = meets(target.threshold, weighed.passed_weight, weighed.total_weight)
            self.agents += 1
            self.noncompliant += verdict is False
            self.failing += (was.failed & target.counted).bit_count()

        return meter

    def told(self) -> Json:
        return {**super().told(), "noncompliant": self.noncompliant}


class Errors(PolicyGauge):
    """Errors that no longer count."""

    def bind(self, judgement: Judgement) -> Meter | None:
        target = judgement.new
        if target is None:
            return None

        def meter(_: Posture, now: Posture) -> None:
            if found := (now.errored & target.counted).bit_count():
                self.agents += 1
                self.failing += found

        return meter

    def told(self) -> Json:
        return {"agents": self.agents, "errors": self.failing}


@dataclass(slots=True)
class Averages:
    """Means of the same machines' scores without a change and with it."""

    agents: int = 0
    """Machines whose score it moves."""
    assessed: int = 0
    without: int = 0
    with_it: int = 0

    def meter(self, without: Target, with_it: Target) -> Meter:
        """Compare two targets, machine by machine, on what they would have reported."""
        masks = Masks.of(without), Masks.of(with_it)

        def meter(_: Posture, now: Posture) -> None:
            facts = now.passed, now.failed, now.errored
            scores = []
            for each in masks:
                passed, total, _risk = weigh(each, *facts)
                scores.append(passed * 10_000 // total if total else None)
            old, new = scores
            if old is not None and new is not None:
                self.assessed += 1
                self.without += old
                self.with_it += new
                self.agents += old != new

        return meter

    def told(self) -> Json:
        """Averages round down, as everywhere."""
        sums = (self.without, self.with_it)
        old, new = (each // self.assessed / 100 if self.assessed else None for each in sums)
        return {"agents": self.agents, "average_without": old, "average_with": new}


class Severities(PolicyGauge):
    """The score, had the policy's severities stayed as they were."""

    def __init__(self, id_: str, before: Rulebook, after: Rulebook, as_of: datetime) -> None:
        super().__init__(id_, before, after, as_of)
        self._averages = Averages()
        self._were: dict[int, Severity] = {}
        both = set(before.selected[id_]) & set(after.selected[id_])
        overrides = [each.severity_overrides for each in self._policies()]
        for check in sorted(both):
            # A check's own severity is that check's change; here only what the policy says counts.
            own = after.checks[check].document.severity
            old, new = (each.get(check) or own for each in overrides)
            if SEVERITIES.index(new) > SEVERITIES.index(old):
                self._were[after.positions[check]] = old

    def bind(self, judgement: Judgement) -> Meter | None:
        target = judgement.new
        if target is None:
            return None
        without = heavier(target, self._were)
        return self._averages.meter(without, target) if without != target else None

    def told(self) -> Json:
        return self._averages.told()


class Interval(PolicyGauge):
    """Machines whose answers may become older before they count as stale."""

    def bind(self, judgement: Judgement) -> Meter | None:
        if judgement.new is None:
            return None

        def meter(_: Posture, __: Posture) -> None:
            self.agents += 1

        return meter

    def told(self) -> Json:
        before, after = (_stale_hours(each, self._as_of) for each in self._policies())
        return {"agents": self.agents, "stale_hours_before": before, "stale_hours": after}


POLICY_GAUGES: Final[Mapping[str, type[PolicyGauge]]] = {
    "threshold": Threshold,
    "checks": LeftOut,
    "machines": Judged,
    "enabled": Judged,
    "removed": Judged,
    "errors": Errors,
    "severity": Severities,
    "interval": Interval,
}


def heavier(target: Target, severities: Mapping[int, Severity]) -> Target:
    """A target with some of its positions at other severities."""
    masks = list(target[:4])
    for position, severity in severities.items():
        bit = 1 << position
        if target.counted & bit:
            masks = [each & ~bit for each in masks]
            masks[SEVERITIES.index(severity)] |= bit
    critical, high, medium, low = masks
    return target._replace(critical=critical, high=high, medium=medium, low=low)


def _stale_hours(policy: Policy, as_of: datetime) -> float | None:
    """How old answers get before a machine is stale; none: never."""
    end = stale_after(policy, as_of)
    return None if end is None else (end - as_of).total_seconds() // 36 / 100
