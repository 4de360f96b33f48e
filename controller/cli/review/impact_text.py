"""What a plan does to the fleet, for people; from the JSON form. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from controller.cli.review.weakening_text import left_out_lines

_SHOWN: Final = 20
Body = dict[str, Any]


def impact_lines(body: Body) -> Iterator[str]:
    """Exceptions under review, then the fleet's scores, then the largest movers."""
    impact: Body | None = body["impact"]
    fleet = {each["id"]: each for each in impact["exceptions"]} if impact else {}
    for told in body.get("exceptions", []):
        yield from _exception(told, fleet.get(told["id"]))
    if impact is None:
        return
    before, after = impact["before"], impact["after"]
    yield ""
    yield (
        f"fleet: {impact['agents_changed']} of {impact['agents_total']} machines change; "
        f"{impact['newly_noncompliant']} become non-compliant, "
        f"{impact['newly_compliant']} become compliant{_unassessed(impact)}"
    )
    yield f"  average score  {_number(before['average_score'])} -> {_number(after['average_score'])}"
    shares = (before["compliant_percentage"], after["compliant_percentage"])
    yield f"  compliant      {_share(shares[0])} -> {_share(shares[1])}"
    for key, words in (("newly_exempted", "newly"), ("no_longer_exempted", "no longer")):
        if impact[key]["pairs"]:
            told = impact[key]
            yield f"  {words} exempted: {told['pairs']} results, {told['failing']} of them fail now"
    if impact["complete_share"] < 1:
        yield (
            f"  complete for {100 * impact['complete_share']:.2f} % of the machines; a new report is "
            f"needed for {', '.join(impact['needs_report'][:_SHOWN])}"
        )
    else:
        yield "  complete: it can be said of every machine without a new report"
    for line in left_out_lines(impact):
        yield f"  {line}"
    for each in impact["policies"]:
        if each["before"] != each["after"]:
            yield (
                f"  policy {each['policy_id']}: {_average(each['before'])} -> "
                f"{_average(each['after'])}, {each['newly_noncompliant']} become non-compliant"
                f"{_unassessed(each)}"
            )
    for each in impact["agents"][:_SHOWN]:
        yield f"  {each['hostname']}: {_verdict(each['before'])} -> {_verdict(each['after'])}"
    if (more := impact["agents_changed"] - _SHOWN) > 0:
        yield f"  and {more} more; --format json names {len(impact['agents'])}"


def _exception(told: Body, fleet: Body | None) -> Iterator[str]:
    life = "no end" if told["life_days"] is None else f"{told['life_days']:g} days"
    origin = f"from {told['commit'][:12]} by {told['author']}" if told["commit"] else "uncommitted"
    yield ""
    yield f"exception {told['id']}: {life}, {origin}"
    if fleet is not None:
        yield (
            f"  covers {fleet['agents']} machine{'' if fleet['agents'] == 1 else 's'}; "
            f"{fleet['hides_failing']} of {fleet['pairs']} results fail now"
        )
        scores = [_number(fleet[f"average_{when}"]) for when in ("before", "after", "at_end")]
        yield f"  their score: {scores[0]} now, {scores[1]} with it, {scores[2]} on the day it ends"
    if told["renewals"]:
        total = "without an end" if told["total_days"] is None else f"{told['total_days']:g} days"
        yield f"  the same risk was accepted {len(told['renewals'])} times before; {total} in all"
    if told["author_approves"]:
        yield "  the author is among its approvers"


def _verdict(verdict: Body) -> str:
    word = {True: "compliant", False: "non-compliant", None: "not assessed"}[verdict["compliant"]]
    return f"{_number(verdict['score'])} {verdict['risk_level']} {word}"


def _average(sums: Body | None) -> str:
    return "none" if sums is None else _number(sums["average_score"])


def _unassessed(flips: Body) -> str:
    """Neither compliant nor not: with nothing left to weigh a machine has no score at all."""
    lose = flips["no_longer_assessed"]
    return f", {lose} lose their score (nothing is left to judge)" if lose else ""


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} %"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
