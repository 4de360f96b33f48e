"""Whether a change makes the demands on machines stronger or weaker, judged by its effect. Pure.

What cannot be told from the documents alone, such as another query, is neutral: a new report decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from controller.model.configuration import Configuration
from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.plan import Operation
from controller.model.terms import SEVERITIES, ScheduleType, Severity
from controller.scoring.selection import select

Effect = Literal["strengthens", "neutral", "weakens"]

_SCHEDULES: Final[tuple[ScheduleType, ...]] = ("manual", "scheduled", "continuous")


class Direction:
    """Collects signs; one weakening outweighs any strengthening, for it is what a reviewer looks for."""

    def __init__(self) -> None:
        self._signs: set[int] = set()

    def more(self, before: Any, after: Any) -> None:  # noqa: ANN401 - anything ordered
        """A larger value is a stronger demand."""
        self._signs.add((after > before) - (after < before))

    def wider(self, before: frozenset[str], after: frozenset[str]) -> None:
        """A demand that covers more; one that leaves anything out is weaker."""
        if before - after:
            self._signs.add(-1)
        elif after - before:
            self._signs.add(1)

    def effect(self) -> Effect:
        """The sum of all signs."""
        if -1 in self._signs:
            return "weakens"
        return "strengthens" if 1 in self._signs else "neutral"


def effect(operation: Operation, base: Configuration, head: Configuration) -> Effect:
    """The effect of one operation of the plan that leads from one configuration to the other."""
    declared = base.of_kind(operation.kind).get(operation.id)
    before = declared.document if declared else None
    after = operation.document
    match before, after:
        case Policy(), Policy():
            # Over the checks of both: one that comes or goes is an operation of its own.
            both = {
                id_: each.document for id_, each in (*base.checks.items(), *head.checks.items())
            }
            return _policy(before, after, both)
        case Check(), Check():
            return _check(before, after)
        case Waiver(), Waiver():
            return _waiver(before, after)
        case _, None:
            return _presence(operation, before, ("weakens", "strengthens"))
        case _:
            return _presence(operation, after, ("strengthens", "weakens"))


def settings_effect(before: RepositorySettings, after: RepositorySettings) -> Effect:
    """The effect of a change of ``gitward.yaml``: what it demands of exceptions, and what it guards."""
    direction = Direction()
    old, new = before.exceptions, after.exceptions
    direction.more(old.require_expiry, new.require_expiry)
    direction.more(-old.max_days, -new.max_days)
    direction.more(old.require_owner, new.require_owner)
    direction.more(old.require_ticket, new.require_ticket)
    direction.more(before.builtin_checks, after.builtin_checks)
    direction.more(before.api_writes == "deny", after.api_writes == "deny")
    direction.more(before.api_exceptions == "deny", after.api_exceptions == "deny")
    direction.more(-before.prune.max_percent, -after.prune.max_percent)
    direction.more(-before.prune.max_count, -after.prune.max_count)
    return direction.effect()


def _presence(operation: Operation, document: object, effects: tuple[Effect, Effect]) -> Effect:
    """Of something that comes or goes: what demands has the first effect, what exempts the second."""
    match document:
        case Policy():
            return effects[0] if document.enabled else "neutral"
        case Waiver():
            return "neutral" if operation.expired else effects[1]
        case _:
            return effects[0]


def _policy(before: Policy, after: Policy, checks: Mapping[str, Check]) -> Effect:
    direction = Direction()
    direction.more(before.enabled, after.enabled)
    direction.more(before.passing_score_threshold, after.passing_score_threshold)
    direction.more(before.protect, after.protect)
    direction.more(before.error_handling == "count", after.error_handling == "count")
    direction.more(_SCHEDULES.index(before.schedule_type), _SCHEDULES.index(after.schedule_type))
    if before.schedule_type == after.schedule_type == "continuous":
        direction.more(-before.check_interval_minutes, -after.check_interval_minutes)
    direction.wider(_systems(before), _systems(after))
    direction.wider(*_machines(before, after))
    direction.more(before.cis_level, after.cis_level)
    old, new = _selected(before, checks), _selected(after, checks)
    direction.wider(frozenset(old), frozenset(new))
    for id_ in old.keys() & new.keys():
        direction.more(-SEVERITIES.index(old[id_]), -SEVERITIES.index(new[id_]))
    return direction.effect()


def _systems(policy: Policy) -> frozenset[str]:
    everything = frozenset({"windows", "darwin", "linux"})
    return everything if policy.target_os == "all" else frozenset({policy.target_os})


def _machines(before: Policy, after: Policy) -> tuple[frozenset[str], frozenset[str]]:
    """The tags of both, with every machine as one more tag that all others are part of."""
    tags = frozenset(before.target_tags) | frozenset(after.target_tags)
    every = tags | {"*"}
    old = frozenset(before.target_tags) or every
    return old, frozenset(after.target_tags) or every


def _selected(policy: Policy, checks: Mapping[str, Check]) -> dict[str, Severity]:
    """The checks that a policy selects, with the severity it gives them."""
    return {
        id_: policy.severity_overrides.get(id_) or checks[id_].severity
        for id_ in select(policy, checks.values())
    }


def _check(before: Check, after: Check) -> Effect:
    direction = Direction()
    direction.more(-SEVERITIES.index(before.severity), -SEVERITIES.index(after.severity))
    direction.more(before.cis_level == "level_1", after.cis_level == "level_1")
    direction.wider(frozenset(before.platforms), frozenset(after.platforms))
    if before.applies_when != after.applies_when:
        # A condition leaves machines out; another condition cannot be compared.
        direction.more(before.applies_when is None, after.applies_when is None)
    if before.query == after.query and before.comparison_operator == after.comparison_operator:
        _expectation(direction, before, after)
    return direction.effect()


def _expectation(direction: Direction, before: Check, after: Check) -> None:
    old, new = _number(before), _number(after)
    if old is None or new is None:
        return
    if before.comparison_operator in {"gte", "gt"}:
        direction.more(old, new)
    elif before.comparison_operator in {"lte", "lt"}:
        direction.more(-old, -new)


def _number(check: Check) -> float | None:
    if not isinstance(check.expected_result, dict) or len(check.expected_result) != 1:
        return None
    try:
        return float(next(iter(check.expected_result.values())))
    except ValueError:
        return None


def _waiver(before: Waiver, after: Waiver) -> Effect:
    """An exception is the reverse of a demand: whatever grows, weakens."""
    direction = Direction()
    direction.wider(frozenset(after.checks), frozenset(before.checks))
    direction.wider(*reversed(_reach(before, after)))
    if before.expires_at != after.expires_at:
        longer = after.expires_at is None or (
            before.expires_at is not None and after.expires_at > before.expires_at
        )
        direction.more(longer, not longer)
    if before.starts_at != after.starts_at:
        earlier = after.starts_at is None or (
            before.starts_at is not None and after.starts_at < before.starts_at
        )
        direction.more(earlier, not earlier)
    return direction.effect()


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
