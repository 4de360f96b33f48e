"""A plan as one comment on a pull request: the summary first, the details folded. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from controller.cli.review.comment_parts import LIMITS, Section, parts
from controller.cli.review.markdown import code
from controller.cli.review.plan_gate import weakening
from controller.cli.review.weakening_text import left_out_lines, weakening_lines

Body = dict[str, Any]


def plan_markdown(body: Body, limit: int = LIMITS["github"]) -> list[str]:
    """The comment in parts of at most ``limit`` characters, as few as that takes."""
    sections = [
        Section("Exceptions under review", (), list(_exceptions(body)), open=True),
        Section("Changes", (), list(_operations(body))),
        *_fleet_sections(body["impact"]),
    ]
    footer = (
        f"<sub>{code(body['base'])} to {code(body['head'])}, digest {code(body['digest'])}</sub>"
    )
    return parts(_summary(body), sections, footer, limit)


def _summary(body: Body) -> str:
    counts = [f"{number} to {op}" for op, number in body["counts"].items() if number]
    counts += ["settings"] if body["settings"] else []
    lines = [f"## Gitward: {', '.join(counts) or 'no changes'}", ""]
    impact = body["impact"]
    if impact is None:
        lines.append("Without the fleet's data: what this does to scores is not shown.")
    else:
        lines += _headline(impact)
    weakens = weakening(body)
    if weakens:
        shown = ", ".join(map(code, weakens[:5]))
        more = f" and {len(weakens) - 5} more" if len(weakens) > 5 else ""
        lines += ["", f"**Weakens what is demanded:** {shown}{more}"]
    if body["held"]:
        lines += [
            "",
            f"**{code(body['held'])}:** the controller will hold this until a person confirms it.",
        ]
    return "\n".join(lines) + "\n"


def _headline(impact: Body) -> list[str]:
    before, after = impact["before"], impact["after"]
    flips = (
        f"{impact['newly_noncompliant']} become non-compliant, "
        f"{impact['newly_compliant']} become compliant"
    )
    if lose := impact["no_longer_assessed"]:
        flips += f", **{lose} lose their score** (nothing is left to judge)"
    lines = [
        f"**{_machines(impact['agents_changed'])} of {impact['agents_total']} change:** {flips}.",
        "",
        "| fleet | before | after |",
        "| --- | --- | --- |",
        f"| average score | {_number(before['average_score'])} | {_number(after['average_score'])} |",
        f"| compliant | {_share(before)} | {_share(after)} |",
    ]
    risks = (before["risk_distribution"], after["risk_distribution"])
    lines += [
        f"| risk {risk} | {risks[0][risk]} | {risks[1][risk]} |"
        for risk in risks[0]
        if risks[0][risk] != risks[1][risk]
    ]
    lines.append("")
    for key, words in (
        ("newly_exempted", "become exempted"),
        ("no_longer_exempted", "are no longer exempted"),
    ):
        told = impact[key]
        if told["pairs"]:
            lines.append(f"{told['pairs']} results {words}, {told['failing']} of them fail now.  ")
    if impact["complete_share"] < 1:
        checks = ", ".join(map(code, impact["needs_report"][:10]))
        lines.append(
            f"Complete for {100 * impact['complete_share']:.2f} % of the machines; a new report is "
            f"needed for {checks}{' and more' if len(impact['needs_report']) > 10 else ''}.  "
        )
    else:
        lines.append("Complete: it can be said of every machine without a new report.  ")
    lines += [f"{line[0].upper()}{line[1:]}.  " for line in left_out_lines(impact)]
    return lines


def _exceptions(body: Body) -> Iterator[str]:
    fleet = {each["id"]: each for each in (body["impact"] or {}).get("exceptions", [])}
    fields = {op["id"]: op for op in body["operations"] if op["kind"] == "exception"}
    for told in body.get("exceptions", []):
        yield "\n".join(_exception(told, fields[told["id"]], fleet.get(told["id"])))


def _exception(told: Body, operation: Body, fleet: Body | None) -> Iterator[str]:
    yield f"- {code(told['id'])} ({operation['op']}, {operation['effect']})"
    reason = next((f["to"] for f in operation["fields"] if f["field"] == "reason"), None)
    if reason is not None:
        yield f"  - reason: {code(reason)}"
    if fleet is not None:
        names = ", ".join(map(code, fleet["hostnames"]))
        more = ", …" if fleet["agents"] > len(fleet["hostnames"]) else ""
        yield f"  - covers {_machines(fleet['agents'])}{': ' if names else ''}{names}{more}"
        hides = f"{fleet['hides_failing']} of {fleet['pairs']} results fail now"
        yield f"  - hides: {hides}" if fleet["hides_failing"] else f"  - hides nothing now: {hides}"
        scores = [fleet[f"average_{when}"] for when in ("before", "after", "at_end")]
        yield (
            f"  - score of these machines: {_number(scores[0])} now, {_number(scores[1])} with it, "
            f"{_number(scores[2])} on the day it ends"
        )
    life = "without an end" if told["life_days"] is None else f"{told['life_days']:g} days"
    commit = f"from {code(told['commit'][:12])}" if told["commit"] else "not committed yet"
    yield f"  - life: {life}, {commit}{' by ' + code(told['author']) if told['author'] else ''}"
    if told["renewals"]:
        total = "no end" if told["total_days"] is None else f"{told['total_days']:g} days in all"
        yield f"  - the same risk was accepted {len(told['renewals'])} times before: {total}"
    if told["author_approves"]:
        yield "  - **the author is among its approvers**"


def _operations(body: Body) -> Iterator[str]:
    for op in body["operations"]:
        place = f"{op['path']}:{op['line']}"
        marks = [op["effect"]] if op["effect"] != "neutral" else []
        fleet = op.get("fleet")
        if fleet and fleet["failing"]:
            marks.append(f"{fleet['failing']} failing results")
        tail = f" ({', '.join(marks)})" if marks else ""
        lines = [f"- {op['op']} {code(op['kind'] + '/' + op['id'])} at {code(place)}{tail}"]
        if op["op"] != "add":
            lines += [f"  - {_field(change)}" for change in op["fields"]]
        lines += [f"  - **weakens:** {each}" for each in weakening_lines(op)]
        if op["hint"]:
            lines.append(f"  - hint: {code(op['hint'])}")
        yield "\n".join(lines)
    for change in body["settings"]:
        yield f"- change {code('gitward.yaml')}: {_field(change)}"


def _field(change: Body) -> str:
    before = (
        "none" if change["from"] is None else code(json.dumps(change["from"], ensure_ascii=False))
    )
    after = "none" if change["to"] is None else code(json.dumps(change["to"], ensure_ascii=False))
    return f"{code(change['field'])}: {before} to {after}"


def _fleet_sections(impact: Body | None) -> Iterator[Section]:
    if impact is None:
        return
    changed = [each for each in impact["policies"] if each["before"] != each["after"]]
    yield Section(
        "Policies",
        ("| policy | average before | after | become non-compliant | become compliant |",
         "| --- | --- | --- | --- | --- |"),
        [
            f"| {code(each['policy_id'])} | {_average(each['before'])} | {_average(each['after'])} "
            f"| {each['newly_noncompliant']} | {each['newly_compliant']} |"
            for each in changed
        ],
    )  # fmt: skip
    yield Section(
        f"Machines that change, largest movement first, of {impact['agents_changed']}",
        ("| machine | before | after |", "| --- | --- | --- |"),
        [
            f"| {code(each['hostname'])} | {_verdict(each['before'])} | {_verdict(each['after'])} |"
            for each in impact["agents"]
        ],
    )


def _verdict(verdict: Body) -> str:
    word = {True: "compliant", False: "non-compliant", None: "not assessed"}[verdict["compliant"]]
    return f"{_number(verdict['score'])}, risk {verdict['risk_level']}, {word}"


def _average(sums: Body | None) -> str:
    return "-" if sums is None else _number(sums["average_score"])


def _share(sums: Body) -> str:
    share = sums["compliant_percentage"]
    return "-" if share is None else f"{share:.2f} % ({sums['compliant_agents']})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _machines(number: int) -> str:
    return f"{number} machine{'' if number == 1 else 's'}"
