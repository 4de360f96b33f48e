"""A plan as Markdown, for a comment on a pull request. Pure.

What comes from documents is put in code spans, so that no text of theirs becomes markup, a link or a
mention.
"""

from __future__ import annotations

import json
from typing import Any, Final

from controller.cli.table import printable

_WIDEST: Final = 120
_MOST: Final = 500
"""Operations shown; forges refuse longer comments. Deletions come first and are all counted."""


def plan_markdown(body: dict[str, Any]) -> str:
    """The plan's operations as a table, deletions first, with its digest and whether it would wait."""
    lines = [
        f"### Gitward plan: {_summary(body)}",
        "",
        f"{_code(body['base'])} → {_code(body['head'])}",
    ]
    operations = sorted(body["operations"], key=lambda each: each["op"] != "delete")
    if operations:
        lines += ["", "| | object | place | effect | fields |", "|---|---|---|---|---|"]
        lines += [_row(each) for each in operations[:_MOST]]
    if len(operations) > _MOST:
        lines += ["", f"... and {len(operations) - _MOST} more; `gitward plan` shows all."]
    if body["settings"]:
        lines += ["", "Settings: " + "; ".join(_field(each) for each in body["settings"])]
    if body["held"]:
        trailer = f"Gitward-Allow-Delete: {body['counts']['delete']}"
        lines += ["", f"**{body['held']}**: held until confirmed, or with the trailer `{trailer}`."]
    return "\n".join([*lines, "", f"Digest {_code(body['digest'])}"])


def _summary(body: dict[str, Any]) -> str:
    counts = [f"{number} to {op}" for op, number in body["counts"].items() if number]
    return ", ".join(counts) or ("settings only" if body["settings"] else "no changes")


def _row(operation: dict[str, Any]) -> str:
    place = f"{operation['path']}:{operation['line']}"
    if operation["previous_path"]:
        place = f"{operation['previous_path']} -> {place}"
    effect = (
        f"**{operation['effect']}**" if operation["effect"] == "weakens" else operation["effect"]
    )
    told = [_field(each) for each in operation["fields"]]
    if operation["hint"]:
        told.append(_code(operation["hint"]))
    cells = [
        operation["op"],
        _code(f"{operation['kind']}/{operation['id']}"),
        _code(place),
        effect,
        "<br>".join(told),
    ]
    return f"| {' | '.join(cells)} |"


def _field(change: dict[str, Any]) -> str:
    before = "" if change["from"] is None else f"{_value(change['from'])} → "
    return f"{_code(change['field'])}: {before}{_value(change['to'])}"


def _value(value: object) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return _code(text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "...")


def _code(text: str) -> str:
    """A code span that the text cannot leave, also inside a table."""
    return "`" + printable(text).replace("`", "'").replace("|", "¦") + "`"
