"""Which checks each policy of a configuration runs, computed once for all rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from controller.config.finding import did_you_mean
from controller.config.rules import agents
from controller.model.documents import Check, Policy
from controller.scoring.selection import Selection

_MOST_HINTS: Final = 100
"""Looking for a similar id takes milliseconds, and a broken merge can leave thousands unknown."""


def alike(one: Check, other: Check) -> bool:
    """Whether no rule about selections can tell two versions of a check apart."""
    return _selected_by(one) == _selected_by(other)


def _selected_by(check: Check) -> tuple[object, ...]:
    return check.id, check.platforms, check.cis_level, check.severity, agents.refused(check)


class Selected:
    """Selections over one base set; policies that select alike share one answer."""

    def __init__(self, policies: Mapping[str, Policy], checks: Mapping[str, Check]) -> None:
        self.policies = dict(policies)
        self.checks = dict(checks)
        self._hints_left = _MOST_HINTS
        self._index = Selection(checks.values())
        self._sets: dict[tuple[str, ...], frozenset[str]] = {}
        self._known: dict[str, tuple[Policy, frozenset[str]]] = {}
        """By policy id, what was found for that very policy."""

    def similar(self, check_id: str) -> str:
        """A hint at the check that may be meant; empty when none is like it, or after many."""
        if not self._hints_left:
            return ""
        self._hints_left -= 1
        return did_you_mean(check_id, self.checks)

    def of(self, policy: Policy) -> frozenset[str]:
        """The ids that the policy runs."""
        known = self._known.get(policy.id)
        if known is not None and known[0] is policy:
            return known[1]
        ids = self._index.select(policy)
        found = self._sets.get(ids)
        if found is None:
            found = self._sets[ids] = frozenset(ids)
        self._known[policy.id] = policy, found
        return found

    @cached_property
    def by_any(self) -> frozenset[str]:
        """The ids that at least one policy runs, disabled ones included."""
        distinct = {id(ids): ids for ids in self._runs.values()}
        return frozenset().union(*distinct.values())

    @cached_property
    def _runs(self) -> dict[str, frozenset[str]]:
        return {id_: self.of(policy) for id_, policy in self.policies.items()}

    def put(self, policies: Mapping[str, Policy | None], checks: Mapping[str, Check]) -> None:
        """Replace policies, or take them away with none, and checks by others that select alike.

        Args:
            policies: By id.
            checks: By id; for every policy each is what the one before was (``alike``).
        """
        self.checks.update(checks)
        for id_, policy in policies.items():
            before = self._runs.pop(id_, None)
            if policy is None:
                self.policies.pop(id_, None)
                self._known.pop(id_, None)
                after = None
            else:
                self.policies[id_] = policy
                after = self._runs[id_] = self.of(policy)
            if before != after:
                self.__dict__.pop("by_any", None)

    @cached_property
    def refused(self) -> frozenset[str]:
        """The ids of checks that SlimRMM's agents answer with an error."""
        return frozenset(check.id for check in self.checks.values() if agents.refused(check))
