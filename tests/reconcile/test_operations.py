from __future__ import annotations

from datetime import timedelta

import pytest

from controller.errors import NotFoundError, RejectedError
from controller.reconcile import operations
from tests.reconcile.repository import base
from tests.reconcile.rig import Rig


def audited(rig: Rig) -> list[tuple[str, str, str]]:
    with rig.store.read() as reading:
        entries = reading.audit(1, 50).items
    return [
        (entry.actor, entry.action, entry.object)
        for entry in entries
        if entry.object.startswith("source/")
    ]


def test_every_operation_names_its_actor_in_the_audit_trail(rig: Rig) -> None:
    rig.commit(base())
    rig.reconcile()
    operations.request(rig.store, None, "ada", rig.clock())
    operations.suspend(rig.store, "default", "Audit week", None, "bob", rig.clock())
    operations.resume(rig.store, None, "eve", rig.clock())
    assert set(audited(rig)) >= {
        ("ada", "reconcile", "source/default"),
        ("bob", "suspend", "source/default"),
        ("eve", "resume", "source/default"),
    }


def test_a_suspension_says_why_by_whom_and_until_when(rig: Rig) -> None:
    rig.reconciler.register()
    until = rig.clock() + timedelta(days=2)
    status = operations.suspend(rig.store, None, "  Audit week ", until, "bob", rig.clock())
    assert status == rig.status
    assert status.suspended
    assert (status.suspend_reason, status.suspended_by) == ("Audit week", "bob")
    assert status.suspend_until == until
    after = operations.resume(rig.store, None, "bob", rig.clock())
    assert not after.suspended
    assert (after.suspend_reason, after.suspend_until, after.suspended_by) == (None, None, None)


@pytest.mark.parametrize(("reason", "hours"), [("", 1), ("   ", 1), ("Audit", 0), ("Audit", -1)])
def test_a_suspension_needs_a_reason_and_an_end_to_come(rig: Rig, reason: str, hours: int) -> None:
    rig.reconciler.register()
    until = rig.clock() + timedelta(hours=hours)
    with pytest.raises(RejectedError):
        operations.suspend(rig.store, None, reason, until, "bob", rig.clock())
    assert not rig.status.suspended


def test_an_unknown_source_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFoundError, match="there are: none"):
        operations.request(rig.store, None, "ada", rig.clock())
    rig.reconciler.register()
    with pytest.raises(NotFoundError, match="'other'"):
        operations.request(rig.store, "other", "ada", rig.clock())
    with pytest.raises(NotFoundError, match="'other'"):
        operations.confirm(rig.store, "other", "0" * 64, "ada", rig.clock())


def test_registering_again_changes_nothing(rig: Rig) -> None:
    first = rig.reconciler.register()
    with rig.store.read() as reading:
        before = reading.change()
    rig.clock.forward(days=1)
    assert rig.reconciler.register() == first
    with rig.store.read() as reading:
        assert reading.change() == before
