"""What a policy says about checks that stand elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator

from controller.config.finding import Finding
from controller.config.rules.selected import Selected
from controller.model.documents import Check, Policy
from controller.model.terms import PLATFORMS, WEIGHTS, Platform
from controller.scoring.selection import is_glob, matcher


def findings(policy: Policy, selected: Selected, doubtful: Collection[str]) -> Iterator[Finding]:
    """Names that mean nothing, selections that are empty, thresholds out of reach.

    Args:
        policy: The policy.
        selected: All policies with the base set of checks.
        doubtful: Check ids whose documents exist but are broken: nothing is said about those.
    """
    chosen = selected.of(policy)
    for field in ("include_checks", "exclude_checks"):
        for at, pattern in enumerate(getattr(policy, field)):
            if pattern in chosen:
                continue  # it exists and is run: the common case, of thousands
            yield from _pattern(policy, (field, at), pattern, selected, doubtful)
    for check_id in policy.severity_overrides:
        yield from _named(policy, ("severity_overrides", check_id), check_id, selected, doubtful)
    if not chosen:
        if not doubtful:
            yield from _empty(policy, selected)
    else:
        yield from _threshold(policy, chosen, selected)


def _pattern(
    policy: Policy,
    field: tuple[str, int],
    pattern: str,
    selected: Selected,
    doubtful: Container[str],
) -> Iterator[Finding]:
    if is_glob(pattern):
        if not any(map(matcher((pattern,)), selected.checks)):
            message = f"{pattern!r} matches no check; correct or remove it"
            yield Finding("GW307", field, message)
    elif field[0] == "include_checks":
        yield from _named(policy, field, pattern, selected, doubtful)
    elif pattern not in selected.checks and pattern not in doubtful:
        yield Finding("GW304", field, unknown_check(pattern, selected))


def _named(
    policy: Policy,
    field: tuple[str | int, ...],
    check_id: str,
    selected: Selected,
    doubtful: Container[str],
) -> Iterator[Finding]:
    """A check that is named for this policy exists and is run by it."""
    check = selected.checks.get(check_id)
    if check is None:
        if check_id not in doubtful:
            yield Finding("GW304", field, unknown_check(check_id, selected))
    elif check_id not in selected.of(policy):
        yield Finding("GW308", field, f"has no effect: {_why_not(policy, check)}; remove it")


def _why_not(policy: Policy, check: Check) -> str:
    if policy.cis_level == "level_1" and check.cis_level == "level_2":
        return f"{check.id!r} is level_2, the policy level_1"
    if policy.target_os != "all" and policy.target_os not in check.platforms:
        platforms = ", ".join(check.platforms)
        return f"{check.id!r} is for {platforms}, the policy for {policy.target_os}"
    return f"the policy's lists leave {check.id!r} out"


def unknown_check(check_id: str, selected: Selected) -> str:
    """What to say about an id that no check has."""
    hint = selected.similar(check_id)
    return f"no check has the id {check_id!r}{hint or '; add the check or remove the name'}"


def _empty(policy: Policy, selected: Selected) -> Iterator[Finding]:
    anywhere = selected.of(policy.model_copy(update={"target_os": "all"}))
    if anywhere:
        platforms = sorted(
            {p for check_id in anywhere for p in selected.checks[check_id].platforms}
        )
        message = (
            f"no platform can satisfy it: its checks run on {', '.join(platforms)}, its target_os "
            f"is {policy.target_os}; correct target_os or include_checks"
        )
        yield Finding("GW311", ("target_os",), message)
    elif policy.include_checks or policy.exclude_checks:
        field = "include_checks" if policy.include_checks else "exclude_checks"
        message = "the policy selects no check; widen include_checks or narrow exclude_checks"
        yield Finding("GW306", (field,), message)
    else:
        message = f"the policy selects no check: none is of {policy.cis_level}; add checks"
        yield Finding("GW306", ("cis_level",), message)


def _threshold(policy: Policy, chosen: frozenset[str], selected: Selected) -> Iterator[Finding]:
    refused = chosen & selected.refused
    if policy.error_handling == "exclude" or not refused:
        return
    checks = [selected.checks[check_id] for check_id in chosen]
    platforms: tuple[Platform, ...] = (
        PLATFORMS if policy.target_os == "all" else (policy.target_os,)
    )
    for platform in platforms:
        weights = {
            check.id: WEIGHTS[policy.severity_overrides.get(check.id, check.severity)]
            for check in checks
            if platform in check.platforms
        }
        total = sum(weights.values())
        reached = sum(weight for check_id, weight in weights.items() if check_id not in refused)
        if total and 100 * reached < policy.passing_score_threshold * total:
            message = (
                f"SlimRMM agents on {platform} reach {reached * 100 / total:.2f} at most, because "
                f"they refuse {len(refused & weights.keys())} of its checks; lower it, exclude "
                "those checks, or set error_handling: exclude"
            )
            yield Finding("GW313", ("passing_score_threshold",), message)
            return
