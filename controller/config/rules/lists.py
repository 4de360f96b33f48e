"""Rules about lists, whatever they list. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.config.finding import Finding


def twice(field: str, values: Sequence[str]) -> Iterator[Finding]:
    """Name each entry that stands in the list already."""
    if len(set(values)) == len(values):
        return
    seen: set[str] = set()
    for at, value in enumerate(values):
        if value in seen:
            yield Finding("GW219", (field, at), f"{value!r} is listed twice; remove one")
        seen.add(value)
