"""The JSON form of an impact, a part of a plan's. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controller.model.plan import Operation
from controller.reconcile.impact import Exempted, Flips, Impact
from controller.scoring.coverage import Covered
from controller.scoring.score import percent
from controller.scoring.verdict import Sums, Verdict

Json = dict[str, Any]


def impact_body(impact: Impact) -> Json:
    """What the fleet's scores do."""
    total = impact.before.agents
    return {
        "as_of": _time(impact.as_of),
        "agents_total": total,
        "complete_share": impact.complete * 10_000 // total / 10_000 if total else 1.0,
        "before": _sums(impact.before),
        "after": _sums(impact.after),
        **_flips(impact.flips),
        "agents": [
            {
                "agent_uuid": each.uuid,
                "hostname": each.hostname,
                "before": _verdict(each.before),
                "after": _verdict(each.after),
            }
            for each in impact.movers
        ],
        "policies": [
            {
                "policy_id": id_,
                "before": _optional(impact.policies_before.get(id_)),
                "after": _optional(impact.policies_after.get(id_)),
                **_flips(impact.policy_flips[id_]),
            }
            for id_ in sorted(impact.policies_before.keys() | impact.policies_after.keys())
        ],
        "newly_exempted": _exempted(impact.newly_exempted),
        "no_longer_exempted": _exempted(impact.no_longer_exempted),
        "needs_report": list(impact.needs_report),
        "exceptions": [_covered(each) for _, each in sorted(impact.waivers.items())],
        "ends_left_out": impact.ends_left_out,
        "severities_left_out": impact.severities_left_out,
    }


def operation_fleet(operation: Operation, impact: Impact) -> Json | None:
    """How much one change weighs on this fleet; none where only scores can say."""
    match operation.kind:
        case "exception":
            covered = impact.waivers.get(operation.id) or impact.ended.get(operation.id)
            return {"agents": covered.agents, "failing": covered.failing} if covered else None
        case "check":
            failing = impact.failing.get(operation.id, 0)
            return None if operation.op == "add" else {"agents": failing, "failing": failing}
        case "policy":
            sides = (impact.policies_before, impact.policies_after)
            most = max(side[operation.id].agents if operation.id in side else 0 for side in sides)
            return {"agents": most, "failing": None}


def _sums(sums: Sums) -> Json:
    return {
        "agents": sums.agents,
        "assessed_agents": sums.assessed,
        "compliant_agents": sums.compliant,
        "average_score": sums.average,
        "compliant_percentage": sums.compliant_percentage,
        "risk_distribution": dict(sums.risks),
    }


def _optional(sums: Sums | None) -> Json | None:
    return None if sums is None else _sums(sums)


def _flips(flips: Flips) -> Json:
    return {
        "agents_changed": flips.changed,
        "newly_noncompliant": flips.noncompliant,
        "newly_compliant": flips.compliant,
        "no_longer_assessed": flips.unassessed,
    }


def _verdict(verdict: Verdict) -> Json:
    return {
        "score": percent(verdict.hundredths),
        "risk_level": verdict.risk,
        "compliant": verdict.compliant,
    }


def _exempted(exempted: Exempted) -> Json:
    return {"pairs": exempted.pairs, "failing": exempted.failing}


def _covered(covered: Covered) -> Json:
    document, life = covered.waiver.document, covered.life
    return {
        "id": document.id,
        "agents": covered.agents,
        "hostnames": covered.hostnames,
        "pairs": covered.pairs,
        "hides_failing": covered.failing,
        "checks": [
            {
                "check_id": id_,
                "passed": each.passed,
                "failed": each.failed,
                "error": each.error,
                "pending": each.pending,
            }
            for id_, each in sorted(covered.checks.items())
        ],
        "life_days": None if life is None else life.total_seconds() // 864 / 100,
        "expires_at": None if document.expires_at is None else _time(document.expires_at),
        "average_before": covered.before.percent,
        "average_after": covered.after.percent,
        "average_at_end": covered.at_end.percent,
    }


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
