"""What a machine is to evaluate now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from controller.errors import NotFoundError
from controller.model.machine import Asked
from controller.model.posture import definition_digest
from controller.scoring.rulebook import Rulebook
from controller.scoring.staleness import next_due
from controller.store.port.machines import RUN_LIFE, Duty, Run
from controller.store.port.store import Reading, Store

LEAST_WAIT: Final = 5
LONGEST_WAIT: Final = 300
"""Seconds between two questions of an agent, so that ``execute`` and commits reach it soon."""


@dataclass(frozen=True, slots=True)
class Work:
    """A run: what is due, each check once."""

    run: Run
    evaluations: tuple[tuple[str, datetime], ...]
    checks: tuple[Asked, ...]
    poll_after_seconds: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due."""

    retry_after_seconds: int


def due(duty: Duty, rulebook: Rulebook, as_of: datetime) -> dict[str, datetime]:
    """The policies that a machine is to be evaluated under now, with since when. Pure."""
    found: dict[str, datetime] = {}
    for policy_id in rulebook.matching(duty.machine.os, duty.machine.tags):
        at = due_at(duty, rulebook, policy_id)
        if at is not None and at <= as_of:
            found[policy_id] = max(at, duty.machine.approved_at or duty.machine.created_at)
    return found


def due_at(duty: Duty, rulebook: Rulebook, policy_id: str) -> datetime | None:
    """When a machine is next to be evaluated under a policy; an ``execute`` request comes first."""
    evaluated = duty.evaluated.get(policy_id)
    asked = duty.executed.get(policy_id)
    if asked is not None and (evaluated is None or evaluated < asked):
        return asked
    return next_due(rulebook.policies[policy_id].document, duty.machine.uuid, evaluated)


def next_work(store: Store, machine_uuid: str, as_of: datetime, *, poll: int = 60) -> Work | Wait:
    """Say what a machine is to do, and note that it was told.

    Args:
        store: The store.
        machine_uuid: The machine that asks.
        as_of: Now.
        poll: How often agents should ask, in seconds.

    Raises:
        NotFoundError: There is no such approved machine.
    """
    with store.read() as reading:
        duty = _duty(reading, machine_uuid)
        rulebook = reading.in_force().rulebook
    if (again := _again(duty, rulebook, as_of, poll)) is not None:
        return again
    wanted = due(duty, rulebook, as_of)
    if not wanted:
        return Wait(_wait(duty, rulebook, as_of, poll))
    with store.write() as transaction:
        duty = _duty(transaction, machine_uuid)
        rulebook = transaction.in_force().rulebook
        wanted = due(duty, rulebook, as_of)
        run = _run(duty, rulebook, wanted, as_of)
        transaction.issue_run(machine_uuid, run)
    return Work(run, tuple(sorted(wanted.items())), _checks(run, rulebook), poll)


def _duty(reading: Reading, machine_uuid: str) -> Duty:
    duty = reading.duty(machine_uuid)
    if duty is None:
        raise NotFoundError(f"there is no machine {machine_uuid!r}")
    return duty


def _again(duty: Duty, rulebook: Rulebook, as_of: datetime, poll: int) -> Work | None:
    """The run that the machine was given and has not answered, unless what it asks has changed."""
    run = duty.run
    if run is None or as_of - run.issued_at > RUN_LIFE or as_of < run.issued_at:
        return None
    now = due(duty, rulebook, as_of)
    if set(run.policy_ids) != set(now) or run.asked != _asked(duty, rulebook, run.policy_ids):
        return None
    return Work(run, tuple(sorted(now.items())), _checks(run, rulebook), poll)


def _run(duty: Duty, rulebook: Rulebook, wanted: dict[str, datetime], as_of: datetime) -> Run:
    policies = tuple(sorted(wanted))
    return Run(str(uuid.uuid4()), as_of, policies, _asked(duty, rulebook, policies))


def _asked(duty: Duty, rulebook: Rulebook, policies: tuple[str, ...]) -> int:
    bits = 0
    for policy_id in policies:
        for check_id in rulebook.selected.get(policy_id, ()):
            bits |= 1 << rulebook.positions[check_id]
    return bits & rulebook.fits[duty.machine.os]


def _checks(run: Run, rulebook: Rulebook) -> tuple[Asked, ...]:
    asked = []
    for check_id, managed in sorted(rulebook.checks.items()):
        if not run.asked >> rulebook.positions[check_id] & 1:
            continue
        check = managed.document
        asked.append(
            Asked(
                check_id=check.id,
                digest=definition_digest(check),
                cis_id=check.cis_id,
                check_type=check.check_type,
                query=check.query,
                comparison_operator=check.comparison_operator,
                expected_result=check.expected_result,
                applies_when=check.applies_when,
            )
        )
    return tuple(asked)


def _wait(duty: Duty, rulebook: Rulebook, as_of: datetime, poll: int) -> int:
    """Seconds until the next evaluation, within bounds: configuration may change sooner."""
    far = datetime.max.replace(tzinfo=UTC)
    found = [
        at
        for policy_id in rulebook.matching(duty.machine.os, duty.machine.tags)
        if (at := due_at(duty, rulebook, policy_id)) is not None
    ]
    seconds = (min(found, default=far) - as_of).total_seconds()
    return max(LEAST_WAIT, min(int(seconds) + 1, poll, LONGEST_WAIT))
