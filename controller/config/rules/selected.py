"""Which checks each policy of a configuration runs, computed once for all rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from controller.config.finding import did_you_mean
from controller.config.rules import agents
from controller.model.documents import Check, Policy
from controller.scoring.selection import matcher, select

_Key = tuple[str, str, tuple[str, ...], tuple[str, ...]]


_MOST_HINTS: Final = 100
"""Looking for a similar id takes milliseconds, and a broken merge can leave thousands unknown."""


class Selected:
    """Selections over one base set; policies that select alike share one answer."""

    def __init__(self, policies: Mapping[str, Policy], checks: Mapping[str, Check]) -> None:
        self.policies = policies
        self.checks = checks
        self._hints_left = _MOST_HINTS
        self._by_fit: dict[tuple[str, str], tuple[str, ...]] = {}
        self._by_key: dict[_Key, frozenset[str]] = {}

    def similar(self, check_id: str) -> str:
        """A hint at the check that may be meant; empty when none is like it, or after many."""
        if not self._hints_left:
            return ""
        self._hints_left -= 1
        return did_you_mean(check_id, self.checks)

    def fitting(self, policy: Policy) -> tuple[str, ...]:
        """The ids whose level and platforms fit, before the policy's lists narrow them."""
        key = (policy.cis_level, policy.target_os)
        if key not in self._by_fit:
            bare = policy.model_copy(update={"include_checks": (), "exclude_checks": ()})
            self._by_fit[key] = select(bare, self.checks.values())
        return self._by_fit[key]

    def of(self, policy: Policy) -> frozenset[str]:
        """The ids that the policy runs."""
        key = (policy.cis_level, policy.target_os, policy.include_checks, policy.exclude_checks)
        if key not in self._by_key:
            ids = self.fitting(policy)
            if policy.include_checks:
                ids = tuple(filter(matcher(policy.include_checks), ids))
            excluded = matcher(policy.exclude_checks)
            self._by_key[key] = frozenset(i for i in ids if not excluded(i))
        return self._by_key[key]

    @cached_property
    def by_any(self) -> frozenset[str]:
        """The ids that at least one policy runs, disabled ones included."""
        distinct = {id(ids): ids for ids in map(self.of, self.policies.values())}
        return frozenset().union(*distinct.values())

    @cached_property
    def refused(self) -> frozenset[str]:
        """The ids of checks that SlimRMM's agents answer with an error."""
        return frozenset(check.id for check in self.checks.values() if agents.refused(check))
