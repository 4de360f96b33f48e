"""Which policies a report evaluates, and when its machine becomes stale then."""

from __future__ import annotations

from typing import NamedTuple

from controller.scoring.profile import Profile
from controller.store.dealings import Dealings
from controller.store.staleness import Staleness


class Cover(NamedTuple):
    """What reports evaluate that come from machines of one kind and speak of the same checks."""

    policies: tuple[str, ...]
    freshness: int | None
    """Microseconds until the first of the machine's policies asks for another, when these are all of its
    policies and it is the same at every time of the year."""


class Evaluations(Staleness):
    """Notes evaluations while reports are taken."""

    def cover(self, known: Dealings, profile: Profile, reported: int) -> Cover:
        """What machines of one kind evaluate by a report that speaks of these positions.

        A policy is evaluated by a report that covers all it asks for.
        """
        covered = tuple(
            policy_id
            for policy_id, bare in zip(profile.policies, profile.bare_targets, strict=True)
            if bare.counted and not bare.counted & ~reported
        )
        patience = self.patience(known.os, known.tags)
        spans = [span for id_, span in patience if span is not None and id_ in covered]
        complete = spans and len(spans) == len(patience)
        return Cover(covered, min(spans) if complete else None)

    def evaluate(
        self, known: Dealings, profile: Profile, cover: Cover, received: int, *, complete: bool
    ) -> int | None:
        """Note which policies were evaluated; when the machine becomes stale then.

        Args:
            known: Of the machine.
            profile: What it is asked for.
            cover: What its report evaluates by itself.
            received: When the report came.
            complete: Whether it answers a run in time, which evaluates what the run asked for.
        """
        evaluated = known.evaluated
        for policy_id in cover.policies:
            evaluated[policy_id] = received
        if complete:
            for policy_id in profile.policies:
                if policy_id in known.run_policies:
                    evaluated[policy_id] = received
        policies = self.in_force().policies.keys()
        if not evaluated.keys() <= policies:
            for id_ in evaluated.keys() - policies:
                del evaluated[id_]
        if cover.freshness is not None:
            return received + cover.freshness
        return self.stale_at(known.os, known.tags, evaluated, known.approved_at)
