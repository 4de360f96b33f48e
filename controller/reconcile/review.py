"""What a reviewer is shown of a change, before it is merged. Pure: the very plan that would apply."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.model.configuration import Configuration
from controller.model.managed import GitOrigin, Managed
from controller.model.plan import FieldChange, Operation, Plan
from controller.model.terms import KINDS, Kind
from controller.reconcile.effects import effect, settings_effect
from controller.reconcile.guards import declared_counts, prune_blocked
from controller.reconcile.plan import plan


def compare(
    base: Configuration, head: Configuration, *, as_of: datetime, source: str = "default"
) -> Plan:
    """The plan from one configuration to another, as if the base were in force.

    It is the plan that the reconciler would make, and has the same digest, unless something in force
    was made through the API: what git adds here may be adopted there.
    """
    manager = f"git:{source}"
    current: dict[tuple[Kind, str], Managed[Any]] = {}
    for kind in KINDS:
        for id_, declared in base.of_kind(kind).items():
            origin = GitOrigin(source, declared.place.path, declared.place.line, "")
            current[kind, id_] = Managed(declared.document, manager, origin, as_of, as_of)
    return plan(current, head, source=source, as_of=as_of, settings=base.settings)


def held_reason(made: Plan, base: Configuration) -> str | None:
    """``PruneBlocked`` when the plan would wait for a person, by the settings of the base."""
    blocked = prune_blocked(made, declared_counts(base), base.settings.prune)
    return "PruneBlocked" if blocked else None


def plan_body(
    made: Plan,
    base: Configuration,
    head: Configuration,
    *,
    base_revision: str,
    head_revision: str,
    held: str | None,
    impact: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON form of a plan, for the command line and the API (docs/reference/api.md) alike.

    Args:
        made: The plan from base to head.
        base: What is or would be in force before.
        head: What would be in force after.
        base_revision: The base's name.
        head_revision: The head's name.
        held: The reason for which it would wait, from ``held_reason``.
        impact: What it does to the fleet's scores, where a fleet is known.
    """
    return {
        "base": base_revision,
        "head": head_revision,
        "digest": made.digest,
        "counts": made.counts(),
        "held": held,
        "operations": [_operation(each, base, head) for each in made.operations],
        "settings": [_field(change) for change in made.settings],
        "settings_effect": settings_effect(base.settings, head.settings),
        "impact": impact,
    }


def _operation(each: Operation, base: Configuration, head: Configuration) -> dict[str, Any]:
    return {
        "op": each.op,
        "kind": each.kind,
        "id": each.id,
        "path": each.place.path,
        "line": each.place.line,
        "previous_path": each.previous_path,
        "fields": [_field(change) for change in each.fields],
        "effect": effect(each, base, head),
        "protected": each.protected,
        "expired": each.expired,
        "hint": each.hint,
        "fleet": None,
    }


def _field(change: FieldChange) -> dict[str, Any]:
    return {"field": change.field, "from": change.before, "to": change.after}
