"""Rules about lists, whatever they list. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from controller.config.finding import Finding


def twice(field: str, values: Sequence[str]) -> Sequence[Finding]:
    """Name each entry that stands in the list already."""
    if len(set(values)) == len(values):
        return ()
    seen: set[str] = set()
    found = []
    for at, value in enumerate(values):
        if value in seen:
            found.append(Finding("GW219", (field, at), f"{value!r} is listed twice; remove one"))
        seen.add(value)
    return found
