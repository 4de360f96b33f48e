"""The judgement in force, compiled to masks: policies, severities and exceptions. Pure.

A ``Rulebook`` is one configuration. A ``Moment`` is that configuration at an instant, when some
exceptions are active and others are not. A ``Profile`` is what a moment asks of one kind of machine;
machines of the same platform, policies and exceptions share it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.managed import Managed
from controller.model.posture import Posture
from controller.model.terms import PLATFORMS, SEVERITIES, Platform, Severity
from controller.scoring.profile import MachineScore, Profile, profile_of, score_profile
from controller.scoring.score import Target
from controller.scoring.selection import Selection
from controller.scoring.timeline import Timeline
from controller.scoring.waivers import Ended

_MANY = 64


class Kindred(Protocol):
    """What decides what is asked of a machine."""

    @property
    def uuid(self) -> str:
        """Its identity, for exceptions of its own."""

    @property
    def os(self) -> Platform:
        """Its platform."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, sorted."""


M = TypeVar("M", bound=Kindred)


class _PolicyMasks(NamedTuple):
    severities: tuple[int, int, int, int]
    selected: int
    counts_errors: bool
    threshold: tuple[int, int]


class Rulebook:
    """One configuration, ready to judge. Frozen once built; caches are derived values only."""

    def __init__(
        self,
        *,
        policies: Mapping[str, Managed[Policy]],
        checks: Mapping[str, Managed[Check]],
        waivers: Mapping[str, Managed[Waiver]],
        positions: Mapping[str, int],
        settings: RepositorySettings,
        ended: Ended = frozenset(),
        before: Rulebook | None = None,
    ) -> None:
        """Compile.

        Args:
            policies: By id, every policy in force.
            checks: By id, every check in force.
            waivers: By id, every exception, active or not.
            positions: Check id to the position of the definition in force.
            settings: Of the repository.
            ended: What has ended, for good.
            before: Another configuration; what follows from tables that are the very same is taken
                over from it.
        """
        self.policies = policies
        self.checks = checks
        self.waivers = waivers
        self.positions = positions
        self.settings = settings
        self.ended = ended
        self.timeline: Timeline = (
            before.timeline
            if before is not None and before.waivers is waivers and before.ended == ended
            else Timeline(waivers, ended)
        )
        same = before is not None and before.checks is checks and before.positions is positions
        self.selected: _Selected = _Selected(
            policies, checks, settings, before.selected if before else None
        )
        self.fits: dict[Platform, int] = (
            before.fits
            if before is not None and same
            else {
                platform: self.bits(
                    id_ for id_, check in checks.items() if platform in check.document.platforms
                )
                for platform in PLATFORMS
            }
        )
        self._masks: dict[str, _PolicyMasks] = {}
        self._matching: dict[tuple[Platform, tuple[str, ...]], tuple[str, ...]] = {}
        self._waiver_bits: dict[str, int] = {}

    def bits(self, check_ids: Iterable[str]) -> int:
        """The positions of these checks."""
        positions = [self.positions[check_id] for check_id in check_ids]
        if len(positions) < _MANY:
            bits = 0
            for position in positions:
                bits |= 1 << position
            return bits
        digits = bytearray(max(positions) // 8 + 1)  # a long number is copied with each bit set
        for position in positions:
            digits[position >> 3] |= 1 << (position & 7)
        return int.from_bytes(digits, "little")

    def severity(self, policy_id: str, check_id: str) -> Severity:
        """The severity in force for a policy, overrides included."""
        overrides = self.policies[policy_id].document.severity_overrides
        return overrides.get(check_id) or self.checks[check_id].document.severity

    def _policy_masks(self, policy_id: str) -> _PolicyMasks:
        """Compiled when a machine first needs it: most of many policies match few machines."""
        found = self._masks.get(policy_id)
        if found is None:
            found = self._masks[policy_id] = self._compile(self.policies[policy_id].document)
        return found

    def _compile(self, policy: Policy) -> _PolicyMasks:
        by_severity = dict.fromkeys(SEVERITIES, 0)
        for check_id in self.selected[policy.id]:
            by_severity[self.severity(policy.id, check_id)] |= 1 << self.positions[check_id]
        critical, high, medium, low = (by_severity[severity] for severity in SEVERITIES)
        threshold = Fraction(str(policy.passing_score_threshold))
        return _PolicyMasks(
            severities=(critical, high, medium, low),
            selected=critical | high | medium | low,
            counts_errors=policy.error_handling == "count",
            threshold=(threshold.numerator, threshold.denominator),
        )

    def matching(self, os: Platform, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Ids of the enabled policies that apply to a machine, sorted."""
        key = (os, tags)
        found = self._matching.get(key)
        if found is None:
            mine = frozenset(tags)
            found = tuple(
                sorted(
                    id_
                    for id_, managed in self.policies.items()
                    if _applies(managed.document, os, mine)
                )
            )
            self._matching[key] = found
        return found

    def moment(self, active_ids: frozenset[str]) -> Moment:
        """The configuration while exactly these exceptions are active."""
        return Moment(self, active_ids)

    def at(self, instant: datetime) -> Moment:
        """The configuration at an instant."""
        return self.moment(self.timeline.active(instant))

    def target(self, policy_id: str, os: Platform, exempted: int) -> Target:
        """One policy's masks for one platform, with these positions exempted."""
        masks = self._policy_masks(policy_id)
        keep = self.fits[os] & ~exempted
        critical, high, medium, low = masks.severities
        counted = masks.selected & keep
        return Target(
            critical=critical & keep,
            high=high & keep,
            medium=medium & keep,
            low=low & keep,
            exempted=masks.selected & exempted,
            not_applicable=masks.selected & ~keep & ~exempted,
            counted_errors=counted if masks.counts_errors else 0,
            threshold=masks.threshold,
        )

    def _exempted(self, waiver_id: str) -> int:
        found = self._waiver_bits.get(waiver_id)
        if found is None:
            checks = self.waivers[waiver_id].document.checks
            found = self.bits(id_ for id_ in checks if id_ in self.checks)
            self._waiver_bits[waiver_id] = found
        return found

    def waived(self, waiver_ids: tuple[str, ...], policy_id: str) -> int:
        """Positions that these exceptions exempt under a policy."""
        bits = 0
        for id_ in waiver_ids:
            document = self.waivers[id_].document
            if document.scope != "policy" or document.policy_id == policy_id:
                bits |= self._exempted(id_)
        return bits


class _Selected(Mapping[str, tuple[str, ...]]):
    """Policy id to the checks that it runs, worked out when asked for."""

    def __init__(
        self,
        policies: Mapping[str, Managed[Policy]],
        checks: Mapping[str, Managed[Check]],
        settings: RepositorySettings,
        before: _Selected | None,
    ) -> None:
        self._policies = policies
        self._checks = checks
        self._allowed = {"git", "builtin"} if settings.builtin_checks else {"git"}
        if before and before._checks is checks and before._allowed == self._allowed:  # noqa: SLF001
            for name in ("_of_git", "_of_all"):
                if name in before.__dict__:
                    self.__dict__[name] = before.__dict__[name]

    def __getitem__(self, policy_id: str) -> tuple[str, ...]:
        policy = self._policies[policy_id]
        base = self._of_git if policy.managed_by == "git" else self._of_all
        return base.select(policy.document)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    @cached_property
    def _of_git(self) -> Selection:
        """For git policies: seeding never changes what they run (docs/reference/documents.md)."""
        checks = self._checks.values()
        return Selection(each.document for each in checks if each.managed_by in self._allowed)

    @cached_property
    def _of_all(self) -> Selection:
        return Selection(each.document for each in self._checks.values())


def _applies(policy: Policy, os: Platform, tags: frozenset[str]) -> bool:
    if not policy.enabled or policy.target_os not in {"all", os}:
        return False
    return not policy.target_tags or not tags.isdisjoint(policy.target_tags)


class Moment:
    """A rulebook while a known set of exceptions is active."""

    def __init__(self, rulebook: Rulebook, active_ids: frozenset[str]) -> None:
        self.rulebook = rulebook
        self.active = active_ids
        self._profiles: dict[object, Profile] = {}
        self._reach = rulebook.timeline.reach(active_ids)
        self.own_waivers = self._reach.by_agent
        """By machine uuid: ids of the active exceptions that name it."""

    def waivers_for(self, uuid: str, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Ids of the active exceptions whose selector takes in a machine."""
        found = list(self._reach.everywhere)
        for tag in tags:
            found += self._reach.by_tag.get(tag, ())
        found += self.own_waivers.get(uuid, ())
        return tuple(found)

    def profile(self, uuid: str, os: Platform, tags: tuple[str, ...]) -> Profile:
        """What this moment asks of a machine."""
        agent_waivers = self.own_waivers.get(uuid)
        key = (os, tags, tuple(agent_waivers) if agent_waivers else None)
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._profiles[key] = self._compile(uuid, os, tags)
        return profile

    def _compile(self, uuid: str, os: Platform, tags: tuple[str, ...]) -> Profile:
        """Mask arithmetic only: microseconds."""
        book, waivers = self.rulebook, self.waivers_for(uuid, tags)
        policies = book.matching(os, tags)
        return profile_of(
            policies,
            tuple(book.target(each, os, book.waived(waivers, each)) for each in policies),
            tuple(book.target(each, os, 0) for each in policies),
        )

    def score(
        self, uuid: str, os: Platform, tags: tuple[str, ...], posture: Posture
    ) -> MachineScore:
        """Score a machine, with everything that explains it."""
        profile = self.profile(uuid, os, tags)
        return score_profile(profile, posture)


def kinds(machines: Iterable[M], *moments: Moment) -> Iterator[tuple[tuple[Profile, ...], list[M]]]:
    """Machines by what these moments ask of them, with the profile under each moment."""
    own = [moment.own_waivers for moment in moments if moment.own_waivers]
    found: defaultdict[object, list[M]] = defaultdict(list)
    for each in machines:
        mine = tuple(tuple(by.get(each.uuid, ())) for by in own) if own else None
        found[each.os, each.tags, mine].append(each)
    for alike in found.values():
        uuid, os, tags = alike[0].uuid, alike[0].os, alike[0].tags
        yield tuple(moment.profile(uuid, os, tags) for moment in moments), alike
