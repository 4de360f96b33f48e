"""Which checks a policy runs. Pure.

The caller decides the base set (docs/reference/documents.md: git-declared checks for a git policy,
plus the built-in ones when the settings say so; every check there is for an API-made policy).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache

from controller.model.documents import Check, Policy


def is_glob(pattern: str) -> bool:
    """Whether the pattern can name more than the one check id it spells."""
    return "*" in pattern or "?" in pattern or "[" in pattern


@lru_cache(maxsize=4096)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """A test for "is any of these ids or globs", case-sensitive. No pattern matches nothing."""
    exact = frozenset(pattern for pattern in patterns if not is_glob(pattern))
    globs = [translate(pattern) for pattern in patterns if is_glob(pattern)]
    if not globs:
        return exact.__contains__
    match = re.compile("|".join(globs)).match
    return lambda check_id: check_id in exact or match(check_id) is not None


def fits(policy: Policy, check: Check) -> bool:
    """Whether level and platforms of the check are the policy's, whatever it includes or excludes.

    ``level_2`` includes ``level_1``; one common platform is enough.
    """
    return (policy.cis_level == "level_2" or check.cis_level == "level_1") and (
        policy.target_os == "all" or policy.target_os in check.platforms
    )


def picks(policy: Policy, check_id: str) -> bool:
    """Whether the policy's include and exclude lists leave this id in."""
    return (not policy.include_checks or matcher(policy.include_checks)(check_id)) and not (
        policy.exclude_checks and matcher(policy.exclude_checks)(check_id)
    )


def selects(policy: Policy, check: Check) -> bool:
    """Whether the policy runs the check, provided that the check is in the policy's base set."""
    return fits(policy, check) and picks(policy, check.id)


def select(policy: Policy, checks: Iterable[Check]) -> tuple[str, ...]:
    """The ids of those of the base set that the policy runs, sorted."""
    return tuple(sorted(check.id for check in checks if selects(policy, check)))


class Selection:
    """A base set of checks, indexed so that thousands of policies can select from it."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = sorted(checks, key=lambda check: check.id)
        self._fitting: dict[tuple[str, str], dict[str, None]] = {}
        self._selected: dict[tuple[object, ...], tuple[str, ...]] = {}

    def select(self, policy: Policy) -> tuple[str, ...]:
        """The ids of those of the base set that the policy runs, sorted."""
        key = (policy.cis_level, policy.target_os, policy.include_checks, policy.exclude_checks)
        found = self._selected.get(key)
        if found is None:
            found = self._selected[key] = tuple(self._choose(policy))
        return found

    def _choose(self, policy: Policy) -> Iterable[str]:
        fitting = self._fit(policy)
        named = policy.include_checks
        if not named or is_glob("".join(named)):
            return [id_ for id_ in fitting if picks(policy, id_)]
        found = sorted(fitting.keys() & named)
        if policy.exclude_checks:
            found = [id_ for id_ in found if picks(policy, id_)]
        return found

    def _fit(self, policy: Policy) -> dict[str, None]:
        key = (policy.cis_level, policy.target_os)
        found = self._fitting.get(key)
        if found is None:
            ids = (check.id for check in self._checks if fits(policy, check))
            found = self._fitting[key] = dict.fromkeys(ids)
        return found
