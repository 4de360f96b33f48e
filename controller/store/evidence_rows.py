"""Keep evidence: whole once a day, and beside it, a line a report, what changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from controller.model.report import Evidence
from controller.scoring.absorb import Absorbed, Catalog
from controller.store import evidence as packed
from controller.store.context import Context
from controller.store.dealings import Dealings

_REWRITE: Final = timedelta(days=1) // timedelta(microseconds=1)
ADD_LINE: Final = "INSERT INTO evidence_line (machine, body) VALUES (?, ?)"
MOST_ADDED: Final = 16_000
"""Bytes of evidence that may stand beside the whole; more, and all is packed anew."""


class EvidenceReading(Context):
    """Reads of evidence."""

    def stored_evidence(self, number: int) -> dict[str, Evidence]:
        """A machine's evidence: the whole, and over it what changed since."""
        found: dict[str, Evidence] = {}
        for column in self.evidence_columns(number):
            found.update(packed.unpack(column))
        return found

    def evidence_columns(self, number: int) -> list[bytes]:
        """The whole of a machine's evidence, empty where there is none, and the lines beside it."""
        whole = self.db.one("SELECT body FROM evidence WHERE machine = ?", (number,))
        lines = self.db.all(
            "SELECT body FROM evidence_line WHERE machine = ? ORDER BY number", (number,)
        )
        return [whole[0] if whole else b"", *(row[0] for row in lines)]


class EvidenceWriting(EvidenceReading):
    """Writes of evidence."""

    @staticmethod
    def fresh(known: Dealings, at: int) -> bool:
        """Whether the whole of the evidence was written within a day."""
        return known.evidence_at is not None and at - known.evidence_at < _REWRITE

    def add_evidence(
        self, known: Dealings, evidence: Mapping[str, Evidence], at: int, catalog: Catalog
    ) -> bytes | None:
        """Keep the evidence of a few changed results; the line to add to those beside the whole."""
        line = packed.line(evidence)
        if known.added + len(line) <= MOST_ADDED:
            known.added += len(line)
            return line
        columns = self.evidence_columns(known.number)
        # Half must be free then: else this is done at every report.
        short = packed.shortened([*columns[1:], line], MOST_ADDED // 2)
        if short is None:
            self._save_whole(known, packed.merged(columns, evidence, catalog.checks), at)
            return None
        self._drop_lines(known)
        known.added = len(short)
        return short

    def save_evidence(self, known: Dealings, absorbed: Absorbed, at: int, catalog: Catalog) -> None:
        """Rewrite evidence when something telling in it changed, or once a day."""
        telling = _telling(absorbed.evidence, catalog)
        same = not absorbed.changed and not known.added and known.telling == telling
        if same and self.fresh(known, at):
            return
        columns: Sequence[bytes] = ()
        if known.evidence_at is not None and not absorbed.evidence.keys() >= catalog.checks.keys():
            columns = self.evidence_columns(known.number)
        body = packed.merged(columns, absorbed.evidence, catalog.checks)
        self._save_whole(known, body, at, telling)

    def _save_whole(self, known: Dealings, body: bytes, at: int, telling: bytes = b"") -> None:
        self.db.run(
            "INSERT INTO evidence (machine, digest, stored_at, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (machine) DO UPDATE SET digest = excluded.digest,"
            " stored_at = excluded.stored_at, body = excluded.body",
            (known.number, telling, at, body),
        )
        self._drop_lines(known)

    def _drop_lines(self, known: Dealings) -> None:
        if known.added:
            self.db.run("DELETE FROM evidence_line WHERE machine = ?", (known.number,))
        known.added = 0


def _telling(evidence: Mapping[str, Evidence], catalog: Catalog) -> bytes:
    return packed.digest(
        [
            (id_, packed.telling(catalog.checks[id_], each.rows) or each.details)
            for id_, each in evidence.items()
        ]
    )
