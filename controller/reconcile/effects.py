"""Whether a change makes the demands on machines stronger or weaker, judged by its effect. Pure.

What cannot be told from the documents alone, such as another query, is neutral: a new report decides.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from controller.model.documents import AnyDocument, Check, Policy, RepositorySettings, Waiver
from controller.model.plan import Operation
from controller.model.terms import SEVERITIES, ScheduleType, Severity
from controller.scoring.selection import Selection
from controller.scoring.staleness import rhythm

Effect = Literal["strengthens", "neutral", "weakens"]

_SCHEDULES: Final[tuple[ScheduleType, ...]] = ("manual", "scheduled", "continuous")


@dataclass(frozen=True, slots=True)
class Judged:
    """A change's effect."""

    effect: Effect
    weakens: tuple[str, ...] = ()
    """What of it weakens, in our own words: the keys of docs/reference/api.md (plan)."""


class Direction:
    """Collects signs; one weakening outweighs any strengthening, for it is what a reviewer looks for."""

    def __init__(self) -> None:
        self._signs: defaultdict[str, set[int]] = defaultdict(set)

    def more(self, what: str, before: Any, after: Any) -> None:  # noqa: ANN401 - anything ordered
        """A larger value is a stronger demand."""
        self._signs[what].add((after > before) - (after < before))

    def wider(self, what: str, before: frozenset[str], after: frozenset[str]) -> None:
        """A demand that covers more; one that leaves anything out is weaker."""
        if before - after:
            self._signs[what].add(-1)
        elif after - before:
            self._signs[what].add(1)

    def judged(self) -> Judged:
        """The sum of all signs."""
        weakens = tuple(what for what, signs in self._signs.items() if -1 in signs)
        if weakens:
            return Judged("weakens", weakens)
        stronger = any(1 in signs for signs in self._signs.values())
        return Judged("strengthens" if stronger else "neutral")


class Catalog:
    """The checks of both sides, indexed: thousands of changed policies select from them."""

    def __init__(self, *sides: Mapping[str, Check]) -> None:
        self._checks = {id_: check for side in sides for id_, check in side.items()}
        self._selection = Selection(self._checks.values())

    def severities(self, policy: Policy) -> dict[str, Severity]:
        """The checks that a policy selects, with the severity it gives them."""
        return {
            id_: policy.severity_overrides.get(id_) or self._checks[id_].severity
            for id_ in self._selection.select(policy)
        }


def judged(operation: Operation, before: AnyDocument | None, checks: Catalog) -> Judged:
    """The effect of one operation of a plan.

    Args:
        operation: The change.
        before: The document that is in force, whoever manages it.
        checks: Of both sides: a check that comes or goes is an operation of its own, and no fault of
            the policies that select it.
    """
    match before, operation.document:
        case Policy(), Policy() as after:
            return _policy(before, after, checks)
        case Check(), Check() as after:
            return _check(before, after)
        case Waiver(), Waiver() as after:
            return _waiver(before, after)
        case _, None:
            return _presence(operation, before, ("weakens", "strengthens"))
        case _, after:
            return _presence(operation, after, ("strengthens", "weakens"))


def settings_effect(before: RepositorySettings, after: RepositorySettings) -> Effect:
    """The effect of a change of ``gitward.yaml``: what it demands of exceptions, and what it guards."""
    direction = Direction()
    old, new = before.exceptions, after.exceptions
    direction.more("expiry", old.require_expiry, new.require_expiry)
    direction.more("max_days", -old.max_days, -new.max_days)
    direction.more("owner", old.require_owner, new.require_owner)
    direction.more("ticket", old.require_ticket, new.require_ticket)
    direction.more("builtin_checks", before.builtin_checks, after.builtin_checks)
    direction.more("api_writes", before.api_writes == "deny", after.api_writes == "deny")
    direction.more(
        "api_exceptions", before.api_exceptions == "deny", after.api_exceptions == "deny"
    )
    direction.more("prune", -before.prune.max_percent, -after.prune.max_percent)
    direction.more("prune", -before.prune.max_count, -after.prune.max_count)
    return direction.judged().effect


def _presence(operation: Operation, document: object, effects: tuple[Effect, Effect]) -> Judged:
    """Of something that comes or goes: what demands has the first effect, what exempts the second."""
    match document:
        case Policy():
            effect: Effect = effects[0] if document.enabled else "neutral"
        case Waiver():
            effect = "neutral" if operation.expired else effects[1]
        case _:
            effect = effects[0]
    how = "removed" if operation.document is None else "added"
    return Judged(effect, (how,) if effect == "weakens" else ())


def _policy(before: Policy, after: Policy, checks: Catalog) -> Judged:
    direction = Direction()
    direction.more("enabled", before.enabled, after.enabled)
    direction.more("threshold", before.passing_score_threshold, after.passing_score_threshold)
    direction.more("protect", before.protect, after.protect)
    direction.more("errors", before.error_handling == "count", after.error_handling == "count")
    direction.more(
        "interval", _SCHEDULES.index(before.schedule_type), _SCHEDULES.index(after.schedule_type)
    )
    for old_gap, new_gap in zip(_gaps(before), _gaps(after), strict=True):
        direction.more("interval", -old_gap, -new_gap)
    direction.wider("machines", _systems(before), _systems(after))
    direction.wider("machines", *_machines(before, after))
    direction.more("checks", before.cis_level, after.cis_level)
    old, new = checks.severities(before), checks.severities(after)
    direction.wider("checks", frozenset(old), frozenset(new))
    for id_ in old.keys() & new.keys():
        direction.more("severity", -SEVERITIES.index(old[id_]), -SEVERITIES.index(new[id_]))
    return direction.judged()


def _gaps(policy: Policy) -> tuple[float, float]:
    """The mean and the longest time between two evaluations, in minutes."""
    match policy.schedule_type:
        case "manual":
            return math.inf, math.inf
        case "scheduled":
            return rhythm(policy.schedule or "")
        case "continuous":
            return policy.check_interval_minutes, policy.check_interval_minutes


def _systems(policy: Policy) -> frozenset[str]:
    everything = frozenset({"windows", "darwin", "linux"})
    return everything if policy.target_os == "all" else frozenset({policy.target_os})


def _machines(before: Policy, after: Policy) -> tuple[frozenset[str], frozenset[str]]:
    """The tags of both, with every machine as one more tag that all others are part of."""
    tags = frozenset(before.target_tags) | frozenset(after.target_tags)
    every = tags | {"*"}
    old = frozenset(before.target_tags) or every
    return old, frozenset(after.target_tags) or every


def _check(before: Check, after: Check) -> Judged:
    direction = Direction()
    direction.more(
        "severity", -SEVERITIES.index(before.severity), -SEVERITIES.index(after.severity)
    )
    direction.more("level", before.cis_level == "level_1", after.cis_level == "level_1")
    direction.wider("platforms", frozenset(before.platforms), frozenset(after.platforms))
    if before.applies_when != after.applies_when:
        # A condition leaves machines out; another condition cannot be compared.
        direction.more("condition", before.applies_when is None, after.applies_when is None)
    if before.query == after.query and before.comparison_operator == after.comparison_operator:
        _expectation(direction, before, after)
    return direction.judged()


def _expectation(direction: Direction, before: Check, after: Check) -> None:
    old, new = _number(before), _number(after)
    if old is None or new is None:
        return
    if before.comparison_operator in {"gte", "gt"}:
        direction.more("expectation", old, new)
    elif before.comparison_operator in {"lte", "lt"}:
        direction.more("expectation", -old, -new)


def _number(check: Check) -> float | None:
    if not isinstance(check.expected_result, dict) or len(check.expected_result) != 1:
        return None
    try:
        return float(next(iter(check.expected_result.values())))
    except ValueError:
        return None


def _waiver(before: Waiver, after: Waiver) -> Judged:
    """An exception is the reverse of a demand: whatever grows, weakens."""
    direction = Direction()
    direction.wider("checks", frozenset(after.checks), frozenset(before.checks))
    direction.wider("reach", *reversed(_reach(before, after)))
    if before.expires_at != after.expires_at:
        longer = after.expires_at is None or (
            before.expires_at is not None and after.expires_at > before.expires_at
        )
        direction.more("end", longer, not longer)
    if before.starts_at != after.starts_at:
        earlier = after.starts_at is None or (
            before.starts_at is not None and after.starts_at < before.starts_at
        )
        direction.more("start", earlier, not earlier)
    return direction.judged()


def _reach(before: Waiver, after: Waiver) -> tuple[frozenset[str], frozenset[str]]:
    """Whom both take in, as comparable sets; everything is one more selector that holds all others."""
    old, new = _selectors(before), _selectors(after)
    every = old | new | {"*"}
    return (every if before.scope == "global" else old), (every if after.scope == "global" else new)


def _selectors(waiver: Waiver) -> frozenset[str]:
    match waiver.scope:
        case "global":
            return frozenset()
        case "agent":
            return frozenset(f"agent/{uuid}" for uuid in waiver.agents)
        case "tag":
            return frozenset({f"tag/{waiver.tag}"})
        case "policy":
            return frozenset({f"policy/{waiver.policy_id}"})
