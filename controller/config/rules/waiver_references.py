"""What an exception says about checks, policies and other exceptions. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator
from datetime import datetime

from controller.config.finding import Finding, did_you_mean
from controller.config.rules.policy_references import unknown_check
from controller.config.rules.selected import Selected
from controller.model.documents import Waiver


def findings(
    waiver: Waiver,
    selected: Selected,
    doubtful_checks: Container[str],
    doubtful_policies: Collection[str],
) -> Iterator[Finding]:
    """The checks and the policy exist, and a policy that it reaches runs the checks."""
    policy = None
    if waiver.policy_id is not None and waiver.policy_id not in doubtful_policies:
        policy = selected.policies.get(waiver.policy_id)
        if policy is None:
            hint = did_you_mean(waiver.policy_id, selected.policies)
            message = f"no policy has the id {waiver.policy_id!r}"
            yield Finding("GW305", ("policy_id",), message + (hint or "; correct it"))
    run = selected.of(policy) if policy is not None else selected.by_any
    for at, check_id in enumerate(waiver.checks):
        field = ("check_id",) if waiver.check_id is not None else ("check_ids", at)
        if check_id in doubtful_checks:
            continue
        if check_id not in selected.checks:
            yield Finding("GW304", field, unknown_check(check_id, selected))
        elif check_id not in run and (policy is not None or not doubtful_policies):
            who = f"policy {policy.id!r} does not run" if policy else "no policy runs"
            message = f"{who} {check_id!r}, so there is nothing to except; remove the exception"
            yield Finding("GW310", field, message)


def twins(waivers: Iterable[Waiver], as_of: datetime) -> Iterator[tuple[str, Finding]]:
    """Exceptions that contain another one for the same check; each is named once.

    Of two that reach equally far, the one that comes later is named.
    """
    by_check: dict[str, list[Waiver]] = defaultdict(list)
    for waiver in waivers:
        if waiver.expires_at is None or waiver.expires_at > as_of:
            for check_id in dict.fromkeys(waiver.checks):
                by_check[check_id].append(waiver)
    told: set[str] = set()
    for check_id, group in by_check.items():
        if len(group) < 2:
            continue
        order = {waiver.id: at for at, waiver in enumerate(group)}
        by_reach = _by_reach(group)
        for wide in group:
            if wide.id in told:
                continue
            narrow = next(_contained(wide, group, by_reach, order), None)
            if narrow is not None:
                told.add(wide.id)
                message = (
                    f"reaches as far as {narrow.id!r} and further for {check_id!r}; narrow this "
                    "one, or remove the other"
                )
                if _reach(narrow) == _reach(wide):
                    message = f"excepts {check_id!r} where {narrow.id!r} already does; keep one"
                yield wide.id, Finding("GW312", ("scope",), message)


def _reach(waiver: Waiver) -> frozenset[tuple[str, str]]:
    """What it is bound to; a global one is bound to itself alone."""
    match waiver.scope:
        case "agent":
            return frozenset(("agent", uuid) for uuid in waiver.agents)
        case "tag":
            return frozenset({("tag", waiver.tag or "")})
        case "policy":
            return frozenset({("policy", waiver.policy_id or "")})
        case "global":
            return frozenset({("global", "")})


def _by_reach(group: list[Waiver]) -> dict[tuple[str, str], list[Waiver]]:
    found: dict[tuple[str, str], list[Waiver]] = defaultdict(list)
    for waiver in group:
        for part in _reach(waiver):
            found[part].append(waiver)
    return found


def _contained(
    wide: Waiver,
    group: list[Waiver],
    by_reach: dict[tuple[str, str], list[Waiver]],
    order: dict[str, int],
) -> Iterator[Waiver]:
    """The others whose reach lies in that of ``wide`` while both are in force."""
    reach = _reach(wide)
    everything = wide.scope == "global"
    candidates = (
        group if everything else (other for part in sorted(reach) for other in by_reach[part])
    )
    for other in candidates:
        if other.id == wide.id or not _overlap(wide, other):
            continue
        theirs = _reach(other)
        if theirs == reach:
            if order[other.id] < order[wide.id]:
                yield other
        elif everything or theirs < reach:
            yield other


def _overlap(one: Waiver, other: Waiver) -> bool:
    return _before_end(one, other) and _before_end(other, one)


def _before_end(one: Waiver, other: Waiver) -> bool:
    """Whether ``one`` starts before ``other`` ends."""
    return one.starts_at is None or other.expires_at is None or one.starts_at < other.expires_at
