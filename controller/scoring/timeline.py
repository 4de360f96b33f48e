"""When the exceptions of a configuration start and end, and whom those in force take in. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from controller.model.documents import Waiver
from controller.model.managed import Managed
from controller.scoring.waivers import Ended, active, starts_at


class Reach(NamedTuple):
    """Ids of active exceptions, in order, by how they select machines."""

    everywhere: Sequence[str]
    by_agent: Mapping[str, Sequence[str]]
    by_tag: Mapping[str, Sequence[str]]


class _Span(NamedTuple):
    """A stretch of time in which no exception starts or ends."""

    first: datetime
    end: datetime | None
    active: frozenset[str]


class Timeline:
    """The exceptions of a configuration over time.

    Frozen once built but for what was last asked, so configurations with the very same exceptions
    share one.
    """

    def __init__(self, waivers: Mapping[str, Managed[Waiver]], ended: Ended) -> None:
        self.waivers = waivers
        self.ended = ended
        self._span: _Span | None = None
        self._reach: tuple[frozenset[str], Reach] | None = None

    @cached_property
    def instants(self) -> tuple[datetime, ...]:
        """Every instant at which an exception starts or ends, ascending."""
        found = {starts_at(waiver) for waiver in self.waivers.values()}
        found.update(expires for expires, _ in self._ends)
        return tuple(sorted(found))

    @cached_property
    def _ends(self) -> list[tuple[datetime, str]]:
        return sorted(
            (expires, id_)
            for id_, waiver in self.waivers.items()
            if (expires := waiver.document.expires_at) is not None
        )

    def next_instant(self, after: datetime) -> datetime | None:
        """The next instant at which an exception starts or ends."""
        at = bisect_right(self.instants, after)
        return self.instants[at] if at < len(self.instants) else None

    def active(self, at: datetime) -> frozenset[str]:
        """Ids of the exceptions in force at an instant."""
        span = self._span
        if span is None or at < span.first or (span.end is not None and at >= span.end):
            found = frozenset(id_ for id_, w in self.waivers.items() if active(w, at, self.ended))
            span = self._span = _Span(at, self.next_instant(at), found)
        return span.active

    def ended_unnoticed(self, at: datetime) -> Iterator[tuple[str, datetime]]:
        """Exceptions that have ended by an instant, with their ends, but for those known as ended."""
        for expires, id_ in self._ends:
            if expires > at:
                return
            if (id_, expires) not in self.ended:
                yield id_, expires

    def reach(self, active_ids: frozenset[str]) -> Reach:
        """Whom these exceptions take in."""
        known = self._reach
        if known is None or known[0] != active_ids:
            known = self._reach = (active_ids, self._reach_of(active_ids))
        return known[1]

    def _reach_of(self, active_ids: frozenset[str]) -> Reach:
        everywhere = list[str]()
        by_agent, by_tag = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for id_ in sorted(active_ids):
            document = self.waivers[id_].document
            if document.scope == "agent":
                for uuid in document.agents:
                    by_agent[uuid].append(id_)
            elif document.scope == "tag" and document.tag is not None:
                by_tag[document.tag].append(id_)
            else:
                everywhere.append(id_)
        return Reach(everywhere, by_agent, by_tag)
