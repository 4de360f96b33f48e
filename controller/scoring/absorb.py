"""Take a report into a machine's posture. Pure.

Facts only: what the machine said, judged by the checks' own expectations. Policies, severities and
exceptions do not come into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from controller.model.documents import Check
from controller.model.posture import Posture, definition_digest, positions
from controller.model.report import Evidence, Report, Result
from controller.model.terms import Platform
from controller.scoring.evidence import bounded
from controller.scoring.judge import judge

NO_ANSWER = "the agent returned no result"


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


class Absorbed(NamedTuple):
    """What a report makes of a posture."""

    posture: Posture
    evidence: Mapping[str, Evidence]
    """Of the results that were used."""
    accepted: int
    changed: tuple[tuple[int, str, str], ...]
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
    unknown: list[str] = []
    outdated: list[str] = []
    reported = 0
    for result in report.results:
        position = catalog.positions.get(result.check_id)
        if position is None:
            unknown.append(result.check_id)
        elif result.digest is not None and result.digest != catalog.digests[result.check_id]:
            outdated.append(result.check_id)
        else:
            outcome, found = settle(catalog.checks[result.check_id], result)
            masks[outcome] |= 1 << position
            reported |= 1 << position
            evidence[result.check_id] = found
    missing = asked & ~reported & catalog.in_force
    for position in positions(missing):
        check_id = catalog.by_position[position]
        if platform in catalog.checks[check_id].platforms and check_id not in outdated:
            masks["error"] |= 1 << position
            reported |= 1 << position
            evidence[check_id] = Evidence(details=NO_ANSWER)
    keep = catalog.in_force & ~reported
    after = Posture(
        posture.passed & keep | masks["passed"],
        posture.failed & keep | masks["failed"],
        posture.errored & keep | masks["error"],
        posture.not_applicable & keep | masks["not_applicable"],
    )
    moved = reported & (
        (posture.passed ^ after.passed)
        | (posture.failed ^ after.failed)
        | (posture.errored ^ after.errored)
        | (posture.not_applicable ^ after.not_applicable)
    )
    return Absorbed(
        posture=after,
        evidence=evidence,
        accepted=len(report.results) - len(unknown) - len(outdated),
        changed=tuple((p, posture.outcome(p), after.outcome(p)) for p in positions(moved)),
        unknown_checks=tuple(unknown),
        outdated_checks=tuple(outdated),
        reported=reported,
    )


def settle(check: Check, result: Result) -> tuple[str, Evidence]:
    """The outcome of one result: judged from its rows where there are any, else as it says."""
    if result.status in {"error", "skipped", "not_applicable"}:
        outcome = "error" if result.status == "error" else "not_applicable"
        return outcome, bounded(result.actual_value, result.details, None)
    if result.rows is None:
        return result.status, bounded(result.actual_value, result.details, None)
    verdict = judge(check.comparison_operator, check.expected_result, result.rows)
    details = verdict.details
    if verdict.outcome != result.status:
        details = f"{details} (the agent said {result.status})"
    return verdict.outcome, bounded(result.actual_value, details, result.rows)
