"""When a plan waits for a person. Pure.

Two guards: a prune guard against mass deletion, and one against a ref that was rewritten. What
releases a plan is bound to exactly that change. Limits come from the settings in force, never from
the commit that is being judged: a commit cannot lift the guard that it is about to meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from controller.model.configuration import Configuration
from controller.model.documents import PruneSettings
from controller.model.plan import Operation, Plan
from controller.model.problem import Problem
from controller.model.source import Commit, HeldPlan
from controller.model.terms import KINDS, Kind

ALLOW_DELETE: Final = "Gitward-Allow-Delete"
PLURALS: Final[dict[Kind, str]] = {
    "policy": "policies",
    "check": "checks",
    "exception": "exceptions",
}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A ref that moved to a commit whose history does not hold the commit in force."""

    old: str
    new: str

    @property
    def digest(self) -> str:
        """Bound to both commits: confirming one rewrite confirms no other."""
        return hashlib.sha256(f"rewrite\n{self.old}\n{self.new}\n".encode()).hexdigest()


def declared_counts(configuration: Configuration) -> dict[Kind, int]:
    """How many objects of each kind a configuration declares."""
    return {kind: len(configuration.of_kind(kind)) for kind in KINDS}


def prune_blocked(plan: Plan, before: Mapping[Kind, int], limits: PruneSettings) -> str | None:
    """Why a plan deletes too much, or none when it does not.

    Args:
        plan: What would be done.
        before: How many objects of each kind the source declares now, expired exceptions included.
        limits: Of the settings in force.
    """
    deletions = [each for each in plan.operations if each.op == "delete" and not each.expired]
    reasons = []
    for kind in KINDS:
        count = sum(each.kind == kind for each in deletions)
        allowed = max(limits.max_count, -(-limits.max_percent * before[kind] // 100))
        if count > allowed:
            reasons.append(
                f"deletes {count} of {before[kind]} {PLURALS[kind]}, at most {allowed} without asking"
            )
        elif count and kind != "exception" and _left(kind, plan.operations, before) == 0:
            reasons.append(f"leaves no {kind}")
    protected = [f"{each.kind}/{each.id}" for each in deletions if each.protected]
    if protected:
        reasons.append(f"deletes what is protected: {', '.join(protected)}")
    return "; ".join(reasons) or None


def _left(kind: Kind, operations: Iterable[Operation], before: Mapping[Kind, int]) -> int:
    left = before[kind]
    for operation in operations:
        if operation.kind == kind:
            left += {"add": 1, "adopt": 1, "delete": -1}.get(operation.op, 0)
    return left


def allowed_deletions(commits: Iterable[Commit]) -> frozenset[int]:
    """The counts that trailers of these commits allow; what is not a plain number allows nothing."""
    return frozenset(
        int(value)
        for commit in commits
        for key, value in commit.trailers
        if key.lower() == ALLOW_DELETE.lower() and value.isascii() and value.isdigit()
    )


def hold(
    plan: Plan,
    *,
    revision: str,
    before: Mapping[Kind, int],
    limits: PruneSettings,
    rewrite: Rewrite | None = None,
    allowed: frozenset[int] = frozenset(),
    confirmed: str | None = None,
) -> HeldPlan | None:
    """The plan as held for a person, or none when it may be applied.

    Args:
        plan: What would be done.
        revision: Of the configuration that the plan leads to.
        before: How many objects of each kind the source declares now.
        limits: Of the settings in force.
        rewrite: The ref's move, when it was not a fast-forward.
        allowed: Counts of deletions that commit trailers allow.
        confirmed: The digest that a person released.
    """
    deletes = tuple(f"{each.kind}/{each.id}" for each in plan.operations if each.op == "delete")
    blocked = prune_blocked(plan, before, limits)
    if len(deletes) in allowed:
        blocked = None
    if rewrite is None and blocked is None:
        return None
    digest = _digest(plan, rewrite, blocked)
    if confirmed == digest:
        return None
    if rewrite is not None:
        message = (
            f"the ref was rewritten: {rewrite.new[:7]} does not descend from {rewrite.old[:7]}, which "
            "is in force; go back by a revert commit"
        )
        if blocked:
            message += f"; the new commit also {blocked}"
    else:
        message = f"{revision} {blocked}; add the commit trailer '{ALLOW_DELETE}: {len(deletes)}'"
    message += f", or release it: gitward confirm {digest}"
    reason = "NonFastForward" if rewrite else "PruneBlocked"
    return HeldPlan(digest, revision, reason, message, deletes)


def _digest(plan: Plan, rewrite: Rewrite | None, blocked: str | None) -> str:
    if rewrite is None:
        return plan.digest
    if blocked is None:
        return rewrite.digest
    # One confirmation releases both, so it is bound to both.
    return hashlib.sha256(f"{rewrite.digest}\n{plan.digest}\n".encode()).hexdigest()


def empty(head: Configuration, before: Mapping[Kind, int]) -> Problem | None:
    """A problem when a readable tree declares nothing and nothing was declared before.

    When something was, the prune guard holds the deletions instead.
    """
    if len(head) or any(before.values()):
        return None
    message = (
        "the revision declares no policy, check or exception; put YAML files below policies/, checks/ "
        "or exceptions/, or set the path inside the repository"
    )
    return Problem(".", 0, 0, "GW601", "", message)
