"""Judge an outcome again when a check's expectation changed and its facts did not. Pure.

Applying a change and previewing it both ask here, so that the preview is what the apply gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.model.documents import Check
from controller.model.managed import Managed
from controller.model.posture import Posture
from controller.model.report import Evidence
from controller.scoring.judge import judge


@dataclass(frozen=True, slots=True)
class Carry:
    """A definition whose expectation changed: its outcome may be judged again from the evidence."""

    check_id: str
    old: int
    new: int


def same_facts(before: Check, after: Check) -> bool:
    """Whether two definitions ask a machine for the same: only what is made of the answer differs."""
    return (before.check_type, before.query, before.applies_when) == (
        after.check_type,
        after.query,
        after.applies_when,
    )


def concerned(posture: Posture, carry: Sequence[Carry]) -> list[Carry]:
    """Those of the changed definitions that the machine has reported under."""
    reported = posture.reported
    return [each for each in carry if reported >> each.old & 1]


def carry_over(
    posture: Posture,
    carry: Sequence[Carry],
    checks: Mapping[str, Managed[Check]],
    evidence: Mapping[str, Evidence],
) -> tuple[Posture, list[tuple[Carry, str]]]:
    """The posture that results, and which definitions got which outcome.

    What the evidence cannot decide is left as it is: pending, unless it was reported before.

    Args:
        posture: As stored.
        carry: Of ``concerned``.
        checks: As they are after the change.
        evidence: Of the machine.
    """
    passed, failed, errored, not_applicable = posture
    decided = []
    for each in carry:
        outcome: str = posture.outcome(each.old)
        if outcome in {"passed", "failed"}:
            found = evidence.get(each.check_id)
            if found is None or found.rows is None:
                continue
            check = checks[each.check_id].document
            outcome = judge(check.comparison_operator, check.expected_result, found.rows).outcome
        bit = 1 << each.new
        passed = passed & ~bit | (bit if outcome == "passed" else 0)
        failed = failed & ~bit | (bit if outcome == "failed" else 0)
        errored = errored & ~bit | (bit if outcome == "error" else 0)
        not_applicable = not_applicable & ~bit | (bit if outcome == "not_applicable" else 0)
        decided.append((each, outcome))
    return Posture(passed, failed, errored, not_applicable), decided
