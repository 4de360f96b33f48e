"""What a reviewer is shown of a change, before it is merged. Pure: the very plan that would apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from controller.model.configuration import Configuration
from controller.model.managed import GitOrigin, Managed
from controller.model.plan import FieldChange, Operation, Plan
from controller.model.problem import Problem
from controller.model.terms import KINDS, Kind
from controller.reconcile.effects import Catalog, Judged, judged, settings_effect
from controller.reconcile.guards import declared_counts, empty, prune_blocked
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


def nothing_declared(base: Configuration, head: Configuration) -> Problem | None:
    """The problem that the reconciler would name when neither side declares anything."""
    return empty(head, declared_counts(base))


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
    effects: Sequence[Judged] | None = None,
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
        effects: Of the operations, in their order, where more is in force than the base declares.
        impact: What it does to the fleet's scores, where a fleet is known.
    """
    return {
        "base": base_revision,
        "head": head_revision,
        "digest": made.digest,
        "counts": made.counts(),
        "held": held,
        "operations": [
            _operation(each, told)
            for each, told in zip(
                made.operations, effects or judge_all(made, base, head), strict=True
            )
        ],
        "settings": [_field(change) for change in made.settings],
        "settings_effect": settings_effect(base.settings, head.settings),
        "impact": impact,
    }


def judge_all(
    made: Plan,
    base: Configuration,
    head: Configuration,
    in_force: Mapping[tuple[Kind, str], Managed[Any]] | None = None,
) -> tuple[Judged, ...]:
    """The effect of every operation, in their order.

    Args:
        made: The plan.
        base: What the source declares before.
        head: What it declares after.
        in_force: Everything before, whoever manages it: what is adopted is compared with that.
    """
    checks = Catalog(
        *({id_: c.document for id_, c in side.checks.items()} for side in (base, head))
    )

    def before(each: Operation) -> Any:  # noqa: ANN401 - a document of the operation's kind
        managed = (in_force or {}).get((each.kind, each.id))
        declared = base.of_kind(each.kind).get(each.id)
        return managed.document if managed else declared.document if declared else None

    return tuple(judged(each, before(each), checks) for each in made.operations)


def _operation(each: Operation, told: Judged) -> dict[str, Any]:
    return {
        "op": each.op,
        "kind": each.kind,
        "id": each.id,
        "path": each.place.path,
        "line": each.place.line,
        "previous_path": each.previous_path,
        "fields": [_field(change) for change in each.fields],
        "effect": told.effect,
        "weakens": [{"by": by, "fleet": None} for by in told.weakens],
        "protected": each.protected,
        "expired": each.expired,
        "hint": each.hint,
        "fleet": None,
    }


def _field(change: FieldChange) -> dict[str, Any]:
    return {"field": change.field, "from": change.before, "to": change.after}
