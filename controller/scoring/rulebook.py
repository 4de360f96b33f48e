"""The judgement in force, compiled to masks: policies, severities and exceptions. Pure.

A ``Rulebook`` is one configuration. A ``Moment`` is that configuration at an instant, when some
exceptions are active and others are not. A ``Profile`` is what a moment asks of one kind of machine;
machines of the same platform, policies and exceptions share it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from controller.model.documents import Check, Policy, RepositorySettings, Waiver
from controller.model.managed import Managed
from controller.model.posture import Posture
from controller.model.terms import PLATFORMS, SEVERITIES, Platform, RiskLevel, Severity
from controller.scoring.score import Masks, Score, Target, all_compliant, score, weigh
from controller.scoring.selection import Selection
from controller.scoring.waivers import Ended, active, starts_at


class Profile(NamedTuple):
    """Targets for one kind of machine, with the exceptions of a moment and without any."""

    policies: tuple[str, ...]
    """Ids of the matching policies, sorted; the targets below are in this order."""
    targets: tuple[Target, ...]
    overall: Target
    bare_targets: tuple[Target, ...]
    """As if there were no exceptions."""
    bare_overall: Target
    weighings: tuple[tuple[Masks, ...], tuple[tuple[int, int, int, int], ...]]
    """What is to be weighed, each different one once; and for each policy which of these it is, which it
    is without exceptions, and the threshold (numerator, 100 x denominator)."""
    overall_place: int
    bare_place: int
    """Which of these is everything together, with exceptions and without."""


@dataclass(frozen=True, slots=True)
class MachineScore:
    """A machine's scores at a moment."""

    overall: Score
    policies: tuple[tuple[str, Score], ...]
    without_exceptions: Score


class Standing(NamedTuple):
    """What is stored of one score: enough to list, sort and sum."""

    hundredths: int | None
    risk: RiskLevel
    compliant: bool | None
    bare_hundredths: int | None
    bare_risk: RiskLevel
    bare_compliant: bool | None


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
    ) -> None:
        """Compile.

        Args:
            policies: By id, every policy in force.
            checks: By id, every check in force.
            waivers: By id, every exception, active or not.
            positions: Check id to the position of the definition in force.
            settings: Of the repository.
            ended: What has ended, for good.
        """
        self.policies = policies
        self.checks = checks
        self.waivers = waivers
        self.positions = positions
        self.settings = settings
        self.ended = ended
        self.selected: Mapping[str, tuple[str, ...]] = _Selected(policies, checks, settings)
        self.fits: dict[Platform, int] = {
            platform: self.bits(
                id_ for id_, check in checks.items() if platform in check.document.platforms
            )
            for platform in PLATFORMS
        }
        self._masks: dict[str, _PolicyMasks] = {}
        self._matching: dict[tuple[Platform, tuple[str, ...]], tuple[str, ...]] = {}
        self._waiver_bits: dict[str, int] = {}

    def bits(self, check_ids: Iterable[str]) -> int:
        """The positions of these checks."""
        bits = 0
        for check_id in check_ids:
            bits |= 1 << self.positions[check_id]
        return bits

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

    @cached_property
    def instants(self) -> tuple[datetime, ...]:
        """Every instant at which an exception starts or ends, ascending."""
        found = {starts_at(waiver) for waiver in self.waivers.values()}
        found.update(
            waiver.document.expires_at
            for waiver in self.waivers.values()
            if waiver.document.expires_at is not None
        )
        return tuple(sorted(found))

    def next_instant(self, after: datetime) -> datetime | None:
        """The next instant at which an exception starts or ends."""
        return next((instant for instant in self.instants if instant > after), None)

    def active_waivers(self, at: datetime) -> frozenset[str]:
        """Ids of the exceptions in force at an instant."""
        return frozenset(id_ for id_, w in self.waivers.items() if active(w, at, self.ended))

    def moment(self, active_ids: frozenset[str]) -> Moment:
        """The configuration while exactly these exceptions are active."""
        return Moment(self, active_ids)

    def at(self, instant: datetime) -> Moment:
        """The configuration at an instant."""
        return self.moment(self.active_waivers(instant))

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
    ) -> None:
        self._policies = policies
        self._checks = checks
        self._allowed = {"git", "builtin"} if settings.builtin_checks else {"git"}

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
        self._everywhere: list[str] = []
        self._by_agent: defaultdict[str, list[str]] = defaultdict(list)
        self._by_tag: defaultdict[str, list[str]] = defaultdict(list)
        for id_ in sorted(active_ids):
            document = rulebook.waivers[id_].document
            if document.scope == "agent":
                for uuid in document.agents:
                    self._by_agent[uuid].append(id_)
            elif document.scope == "tag" and document.tag is not None:
                self._by_tag[document.tag].append(id_)
            else:
                self._everywhere.append(id_)

    def waivers_for(self, uuid: str, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Ids of the active exceptions whose selector takes in a machine."""
        found = list(self._everywhere)
        for tag in tags:
            found += self._by_tag.get(tag, ())
        found += self._by_agent.get(uuid, ())
        return tuple(found)

    def profile(self, uuid: str, os: Platform, tags: tuple[str, ...]) -> Profile:
        """What this moment asks of a machine."""
        agent_waivers = self._by_agent.get(uuid)
        key = (os, tags, tuple(agent_waivers) if agent_waivers else None)
        profile = self._profiles.get(key)
        if profile is None:
            policies = self.rulebook.matching(os, tags)
            profile = compile_profile(self.rulebook, os, policies, self.waivers_for(uuid, tags))
            self._profiles[key] = profile
        return profile

    def score(
        self, uuid: str, os: Platform, tags: tuple[str, ...], posture: Posture
    ) -> MachineScore:
        """Score a machine, with everything that explains it."""
        profile = self.profile(uuid, os, tags)
        return score_profile(profile, posture)


def compile_profile(
    rulebook: Rulebook, os: Platform, policies: tuple[str, ...], waiver_ids: tuple[str, ...]
) -> Profile:
    """Compile the targets of one kind of machine. Mask arithmetic only, microseconds."""
    exempted = [rulebook.waived(waiver_ids, policy) for policy in policies]
    targets = tuple(
        rulebook.target(policy, os, bits) for policy, bits in zip(policies, exempted, strict=True)
    )
    bare = tuple(rulebook.target(policy, os, 0) for policy in policies)
    overall, bare_overall = union(targets), union(bare)
    distinct, places = _weighings((*targets, overall), (*bare, bare_overall))
    overall_place, bare_place, *_ = places[-1]
    return Profile(
        policies,
        targets,
        overall,
        bare,
        bare_overall,
        (distinct, places[:-1]),
        overall_place,
        bare_place,
    )


def _weighings(
    targets: tuple[Target, ...], bare: tuple[Target, ...]
) -> tuple[tuple[Masks, ...], tuple[tuple[int, int, int, int], ...]]:
    distinct: dict[Masks, int] = {}
    places = []
    for target, without in zip(targets, bare, strict=True):
        numerator, denominator = target.threshold
        place = distinct.setdefault(Masks.of(target), len(distinct))
        bare_place = distinct.setdefault(Masks.of(without), len(distinct))
        places.append((place, bare_place, numerator, 100 * denominator))
    return tuple(distinct), tuple(places)


def union(targets: tuple[Target, ...]) -> Target:
    """All of a machine's policies together: each check once.

    A check that every policy which selects it exempts is exempted; otherwise the policies in which
    it is not exempted supply its severity (the highest) and its error handling
    (docs/reference/scoring.md).
    """
    critical = high = medium = low = exempted = misfit = counted_errors = 0
    for target in targets:
        critical |= target.critical
        high |= target.high
        medium |= target.medium
        low |= target.low
        exempted |= target.exempted
        misfit |= target.not_applicable
        counted_errors |= target.counted_errors
    high &= ~critical
    medium &= ~(critical | high)
    low &= ~(critical | high | medium)
    counted = critical | high | medium | low
    return Target(
        critical,
        high,
        medium,
        low,
        exempted & ~counted & ~misfit,
        misfit,
        counted_errors,
        (0, 1),
    )


def score_profile(profile: Profile, posture: Posture) -> MachineScore:
    """Score a posture, per policy and over all policies."""
    scores = [score(target, posture) for target in profile.targets]
    bare = [score(target, posture) for target in profile.bare_targets]
    return MachineScore(
        overall=score(profile.overall, posture)._replace(
            compliant=all_compliant([each.compliant for each in scores])
        ),
        policies=tuple(zip(profile.policies, scores, strict=True)),
        without_exceptions=score(profile.bare_overall, posture)._replace(
            compliant=all_compliant([each.compliant for each in bare])
        ),
    )


def standings(profile: Profile, posture: Posture) -> tuple[Standing, ...]:
    """What is stored of a machine's scores: overall first, then the policies in order."""
    passed, failed, errored, _ = posture
    distinct, places = profile.weighings
    weighed = [weigh(masks, passed, failed, errored) for masks in distinct]
    kept: list[Standing] = []
    verdict: bool | None = None
    bare_verdict: bool | None = None
    for place, bare_place, numerator, denominator in places:
        weight, total, risk = weighed[place]
        compliant = hundredths = None
        if total:
            hundredths = weight * 10_000 // total
            compliant = denominator * weight >= numerator * total
            verdict = compliant and verdict is not False
        if bare_place == place:
            kept.append(_standing((hundredths, risk, compliant, hundredths, risk, compliant)))
            if total:
                bare_verdict = compliant and bare_verdict is not False
            continue
        bare_weight, bare_total, bare_risk = weighed[bare_place]
        bare_compliant = bare_hundredths = None
        if bare_total:
            bare_hundredths = bare_weight * 10_000 // bare_total
            bare_compliant = denominator * bare_weight >= numerator * bare_total
            bare_verdict = bare_compliant and bare_verdict is not False
        kept.append(
            _standing((hundredths, risk, compliant, bare_hundredths, bare_risk, bare_compliant))
        )
    weight, total, risk = weighed[profile.overall_place]
    bare_weight, bare_total, bare_risk = weighed[profile.bare_place]
    overall = _standing(
        (
            weight * 10_000 // total if total else None,
            risk,
            verdict,
            bare_weight * 10_000 // bare_total if bare_total else None,
            bare_risk,
            bare_verdict,
        )
    )
    return (overall, *kept)


_standing = Standing._make
"""Half the cost of a call by names."""


class Shift:
    """What changes for a kind of machine from one profile to another with the same policies."""

    def __init__(self, old: Profile, new: Profile) -> None:
        """Compare two profiles.

        Raises:
            ValueError: They are of different policies.
        """
        if old.policies != new.policies or old.bare_targets != new.bare_targets:
            raise ValueError("only profiles of the same policies can be compared")
        self._places = [
            (index + 1, Masks.of(target), (target.threshold[0], 100 * target.threshold[1]))
            for index, (before, target) in enumerate(zip(old.targets, new.targets, strict=True))
            if target != before
        ]
        self._overall = Masks.of(new.overall) if old.overall != new.overall else None
        pairs = [*zip(old.targets, new.targets, strict=True), (old.overall, new.overall)]
        self.bits = 0
        """Positions that count on one side alone: a machine without an outcome there stays as it is."""
        for before, target in pairs:
            self.bits |= before.counted ^ target.counted
            self.bits |= before.counted_errors ^ target.counted_errors
            for was, now in zip(before[:4], target[:4], strict=True):
                self.bits |= was ^ now

    def apply(self, posture: Posture, was: tuple[Standing, ...]) -> tuple[Standing, ...]:
        """A machine's standings under the new profile, from those under the old one."""
        passed, failed, errored, _ = posture
        if not (passed | failed | errored) & self.bits:
            return was
        now = list(was)
        for place, masks, (numerator, denominator) in self._places:
            weight, total, risk = weigh(masks, passed, failed, errored)
            if total:
                hundredths: int | None = weight * 10_000 // total
                compliant: bool | None = denominator * weight >= numerator * total
            else:
                hundredths = compliant = None
            now[place] = _standing((hundredths, risk, compliant, *was[place][3:]))
        hundredths, risk, verdict, *bare = was[0]
        if self._overall is not None:
            weight, total, risk = weigh(self._overall, passed, failed, errored)
            hundredths = weight * 10_000 // total if total else None
        if self._places:
            verdict = None
            for each in now[1:]:
                if each[2] is not None:
                    verdict = each[2] and verdict is not False
        now[0] = _standing((hundredths, risk, verdict, *bare))
        return tuple(now)
