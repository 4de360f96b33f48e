"""docs/reference/scoring.md said again, slowly and without bitmaps: what the fast way is held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

WEIGHT = {"critical": 10, "high": 5, "medium": 3, "low": 1}
ORDER = ["low", "medium", "high", "critical"]


@dataclass
class Item:
    severity: str
    outcome: str
    exempted: bool = False
    counts_error: bool = True


def naive_score(items: Iterable[Item], threshold: float) -> dict[str, object]:
    counts = dict.fromkeys(
        ["passed", "failed", "error", "exempted", "not_applicable", "pending"], 0
    )
    failed = dict.fromkeys(["critical", "high", "medium", "low"], 0)
    passed_weight = total_weight = 0
    unknown_severe = False
    for item in items:
        if item.exempted:
            counts["exempted"] += 1
            continue
        counts[item.outcome] += 1
        weight = WEIGHT[item.severity]
        if item.outcome == "passed":
            passed_weight += weight
            total_weight += weight
        elif item.outcome == "failed":
            total_weight += weight
            failed[item.severity] += 1
        elif item.outcome == "error":
            total_weight += weight if item.counts_error else 0
            unknown_severe |= item.severity in {"critical", "high"}
    if total_weight == 0:
        risk = "unknown"
    elif failed["critical"]:
        risk = "critical"
    elif failed["high"] > 2:
        risk = "high"
    elif failed["high"] >= 1 or failed["medium"] >= 5 or unknown_severe:
        risk = "medium"
    else:
        risk = "low"
    score = compliant = None
    if total_weight:
        score = int(Fraction(passed_weight * 10000, total_weight)) / 100
        compliant = Fraction(100 * passed_weight, total_weight) >= Fraction(str(threshold))
    return {
        "score": score,
        "compliant": compliant,
        "risk_level": risk,
        "passed_weight": passed_weight,
        "total_weight": total_weight,
        "counts": counts,
        "failed_by_severity": failed,
    }
