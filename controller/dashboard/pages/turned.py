"""What a report turned on a machine, in a few words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from controller.store.port.fleet import OutcomeChange


def turned(changes: Iterable[OutcomeChange], titles: Mapping[str, str]) -> dict[datetime, str]:
    """By the time of the report: which checks began to fail, and which pass again.

    Args:
        changes: Of one machine; what was pending before is news, but no turn.
        titles: Of checks in force, by id; others are named by their id.
    """
    failing: dict[datetime, list[str]] = {}
    passing: dict[datetime, list[str]] = {}
    for each in changes:
        title = titles.get(each.check_id, each.check_id)
        if each.after == "failed" and each.before != "pending":
            failing.setdefault(each.at, []).append(title)
        elif each.after == "passed" and each.before in {"failed", "error"}:
            passing.setdefault(each.at, []).append(title)
    return {
        at: "; ".join(
            _some(found[at], word)
            for found, word in ((failing, "fails now"), (passing, "passes again"))
            if at in found
        )
        for at in failing.keys() | passing.keys()
    }


def _some(titles: list[str], word: str) -> str:
    more = f", and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"{word}: {titles[0]}{more}"
