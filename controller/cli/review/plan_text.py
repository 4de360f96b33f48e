"""A plan for people, made from the JSON form, so that both always say the same. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from controller.cli.review.impact_text import impact_lines
from controller.cli.review.weakening_text import weakening_lines
from controller.cli.table import printable

_SIGNS: Final = {"add": "+", "change": "~", "move": ">", "adopt": "&", "delete": "-"}
_WIDEST: Final = 200


def plan_text(body: dict[str, Any]) -> str:
    """Every operation with its place, its effect and its differing fields; every deletion by name."""
    counts = ", ".join(f"{number} to {op}" for op, number in body["counts"].items() if number)
    lines = [f"{body['base']} -> {body['head']}", ""]
    for operation in body["operations"]:
        lines += _operation(operation)
    if body["settings"]:
        effect = body["settings_effect"]
        lines.append("~ settings  gitward.yaml" + (f"  [{effect}]" if effect != "neutral" else ""))
        lines += [_field(each) for each in body["settings"]]
    if len(lines) == 2:
        return printable(lines[0]) + "\nno changes"
    lines += ["", f"{counts or 'settings only'}; digest {body['digest']}"]
    if body["held"]:
        lines.append(
            f"{body['held']}: the controller will hold this until it is confirmed, or has the trailer "
            f"'Gitward-Allow-Delete: {body['counts']['delete']}'"
        )
    lines += impact_lines(body)
    return "\n".join(map(printable, lines))


def _operation(operation: dict[str, Any]) -> list[str]:
    place = f"{operation['path']}:{operation['line']}"
    if operation["previous_path"]:
        place = f"{operation['previous_path']} -> {place}"
    marks = [operation["effect"]] if operation["effect"] != "neutral" else []
    marks += [word for word in ("protected", "expired") if operation[word]]
    sign = _SIGNS[operation["op"]]
    line = f"{sign} {operation['op']} {operation['kind']}/{operation['id']}  {place}"
    lines = [line + (f"  [{', '.join(marks)}]" if marks else "")]
    if operation["op"] != "add" or operation["kind"] == "exception":
        lines += [_field(each) for each in operation["fields"]]
    lines += [f"    weakens: {each}" for each in weakening_lines(operation)]
    if operation["hint"]:
        lines.append(f"    hint: {operation['hint']}")
    return lines


def _field(change: dict[str, Any]) -> str:
    after = _value(change["to"])
    if change["from"] is None:
        return f"    {change['field']}: {after}"
    return f"    {change['field']}: {_value(change['from'])} -> {after}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
