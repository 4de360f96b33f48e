"""Exceptions that start and end: scores follow at that instant, and what has ended stays ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controller.model.documents import AnyDocument, Waiver
from controller.store.columns import instant
from controller.store.port.fleet import Cause
from controller.store.rescoring import Rescoring


class ExpiryWriting(Rescoring):
    """Writes that the passing of time asks for."""

    def pass_instant(self, as_of: datetime) -> int:
        self._note_ended(as_of)
        rulebook = self.in_force().rulebook
        generation = self.in_force().generation
        now = self.judged_moment()
        wanted = rulebook.timeline.active(as_of)
        flips = [(id_, False) for id_ in sorted(now.active - wanted)]
        flips += [(id_, True) for id_ in sorted(wanted - now.active)]
        for id_, starts in flips:
            active = now.active | {id_} if starts else now.active - {id_}
            then = self.cache.moment(generation, rulebook, active)
            waiver = rulebook.waivers[id_].document
            cause = Cause(
                "exception_start" if starts else "exception_end", id_, waiver.reason[:200]
            )
            self.rejudge(now, then, cause, as_of, numbers=self.concerned([waiver]))
            now = then
        return len(flips)

    def _note_ended(self, as_of: datetime) -> None:
        """Keep that an exception has ended, so that a clock that jumps back revives nothing."""
        timeline = self.in_force().rulebook.timeline
        fresh = [(id_, instant(end)) for id_, end in timeline.ended_unnoticed(as_of)]
        if fresh:
            self.db.many(
                "INSERT INTO ended (waiver, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", fresh
            )
            self.bump("generation")

    def concerned(self, documents: Sequence[AnyDocument]) -> list[int] | None:
        """The machines that a change can concern, when it is of narrow exceptions alone."""
        numbers: set[int] = set()
        for document in documents:
            if not isinstance(document, Waiver) or document.scope not in {"agent", "tag"}:
                return None
            numbers.update(self.numbers_of(document))
        return sorted(numbers)

    def numbers_of(self, waiver: Waiver) -> list[int]:
        """Numbers of the machines that an agent or tag exception takes in."""
        if waiver.scope == "tag":
            rows = self.db.all("SELECT machine FROM machine_tag WHERE tag = ?", (waiver.tag,))
            return [row[0] for row in rows]
        found = []
        for uuid in waiver.agents:
            row = self.db.one("SELECT number FROM machine WHERE uuid = ?", (uuid,))
            if row:
                found.append(row[0])
        return found
