"""Take a report into a machine's posture. Pure.

Facts only: what the machine said, judged by the checks' own expectations. Policies, severities and
exceptions do not come into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from controller.model.documents import Check
from controller.model.posture import Posture, definition_digest, positions
from controller.model.report import Evidence, Report, Result
from controller.model.terms import Platform
from controller.scoring.evidence import bounded
from controller.scoring.judge import Judging, judging

NO_ANSWER = "the agent returned no result"
_UNJUDGED: Final = {
    "error": "error",
    "skipped": "not_applicable",
    "not_applicable": "not_applicable",
}
"""What an agent may say that no rows are asked about, and the outcome."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The checks in force, as reports refer to them."""

    checks: Mapping[str, Check]
    positions: Mapping[str, int]
    digests: Mapping[str, str]
    in_force: int
    """Bitmap of all positions in force."""
    by_position: Mapping[int, str]
    fingerprint: bytes
    """Of everything here that decides what a report makes of a posture."""
    compiled: dict[str, Judging] = field(default_factory=dict, repr=False, compare=False)
    """What ``judging`` made of checks, each when the first result for it came."""

    def judging(self, check_id: str) -> Judging:
        """What judges the rows of a check that is in force."""
        found = self.compiled.get(check_id)
        if found is None:
            check = self.checks[check_id]
            found = self.compiled[check_id] = judging(
                check.comparison_operator, check.expected_result
            )
        return found

    @staticmethod
    def of(checks: Mapping[str, Check], places: Mapping[str, int]) -> Catalog:
        """Index the checks; ``places`` gives each one's definition position."""
        in_force = 0
        for position in places.values():
            in_force |= 1 << position
        return Catalog(
            checks=checks,
            positions=places,
            digests={id_: definition_digest(check) for id_, check in checks.items()},
            in_force=in_force,
            by_position={position: id_ for id_, position in places.items()},
            fingerprint=_fingerprint(checks, places),
        )


def _fingerprint(checks: Mapping[str, Check], places: Mapping[str, int]) -> bytes:
    """A position stands for query, operator and expectation; platforms decide what may be missing."""
    parts = sorted((id_, places[id_], sorted(check.platforms)) for id_, check in checks.items())
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


Change = tuple[int, str, str]


class Absorbed(NamedTuple):
    """What a report makes of a posture."""

    posture: Posture
    evidence: Mapping[str, Evidence]
    """Of the results that were used."""
    accepted: int
    changed: tuple[Change, ...]
    """Position, outcome before, outcome after; first outcomes come from ``pending``."""
    unknown_checks: tuple[str, ...]
    outdated_checks: tuple[str, ...]
    reported: int
    """Bitmap of the positions that the report speaks of."""


def absorb(
    posture: Posture, report: Report, catalog: Catalog, platform: Platform, asked: int = 0
) -> Absorbed:
    """Take a report in.

    Args:
        posture: What was known.
        report: What the machine says now.
        catalog: The checks in force.
        platform: The machine's.
        asked: For an answer to a run, the positions that were asked for: those without a result
            become errors, unless the check is not for this platform.
    """
    masks = {"passed": 0, "failed": 0, "error": 0, "not_applicable": 0}
    evidence: dict[str, Evidence] = {}
    changed: list[Change] = []
    unknown: list[str] = []
    outdated: list[str] = []
    reported = 0
    for result in report.results:
        check_id, digest = result.check_id, result.digest
        position = catalog.positions.get(check_id)
        if position is None:
            unknown.append(check_id)
        elif digest is not None and digest != catalog.digests[check_id]:
            outdated.append(check_id)
        else:
            outcome, evidence[check_id] = settle(catalog, result)
            masks[outcome] |= 1 << position
            reported |= 1 << position
            before = posture.outcome(position)
            if before != outcome:
                changed.append((position, before, outcome))
    for position in positions(asked & ~reported & catalog.in_force):
        check_id = catalog.by_position[position]
        if platform in catalog.checks[check_id].platforms and check_id not in outdated:
            masks["error"] |= 1 << position
            reported |= 1 << position
            evidence[check_id] = Evidence(details=NO_ANSWER)
            before = posture.outcome(position)
            if before != "error":
                changed.append((position, before, "error"))
    keep = catalog.in_force & ~reported
    passed, failed, errored, not_applicable = posture
    after = Posture(
        passed & keep | masks["passed"],
        failed & keep | masks["failed"],
        errored & keep | masks["error"],
        not_applicable & keep | masks["not_applicable"],
    )
    changed.sort()
    accepted = len(report.results) - len(unknown) - len(outdated)
    return Absorbed(
        after, evidence, accepted, tuple(changed), tuple(unknown), tuple(outdated), reported
    )


def settle(catalog: Catalog, result: Result) -> tuple[str, Evidence]:
    """The outcome of one result: judged from its rows where there are any, else as it says."""
    status, rows = result.status, result.rows
    if status in _UNJUDGED:
        return _UNJUDGED[status], bounded(result.actual_value, result.details, None)
    if rows is None:
        return status, bounded(result.actual_value, result.details, None)
    outcome, details = catalog.judging(result.check_id)(rows)
    if outcome != status:
        details = f"{details} (the agent said {status})"
    return outcome, bounded(result.actual_value, details, rows)
