"""Keep evidence: whole once a day, and beside it what changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from controller.model.report import Evidence
from controller.scoring.absorb import Absorbed, Catalog
from controller.store import evidence as packed
from controller.store.columns import instant
from controller.store.context import Context
from controller.store.dealings import Dealings, Kept, read_kept

_REWRITE: Final = timedelta(days=1) // timedelta(microseconds=1)
ADD_LINE: Final = (
    "INSERT INTO evidence_since (machine, body) VALUES (?, ?) ON CONFLICT (machine) DO UPDATE"
    " SET body = CAST(evidence_since.body || excluded.body AS BLOB)"
)
_WRITE_LINES: Final = (
    "INSERT INTO evidence_since (machine, body) VALUES (?, ?)"
    " ON CONFLICT (machine) DO UPDATE SET body = excluded.body"
)
MOST_SINCE: Final = 4_000
"""Bytes of evidence that may stand beside the whole; more, and all is packed anew."""


class EvidenceReading(Context):
    """Reads of evidence."""

    def stored_evidence(self, number: int) -> dict[str, Evidence]:
        """A machine's evidence: the whole, and over it what changed since."""
        found: dict[str, Evidence] = {}
        for table in ("evidence", "evidence_since"):
            row = self.db.one(f"SELECT body FROM {table} WHERE machine = ?", (number,))  # noqa: S608
            if row is not None:
                found.update(packed.unpack(row[0]))
        return found


class EvidenceWriting(EvidenceReading):
    """Writes of evidence."""

    @staticmethod
    def fresh(known: Dealings, at: datetime) -> bool:
        """Whether the whole of the evidence was written within a day."""
        return known.evidence_at is not None and instant(at) - known.evidence_at < _REWRITE

    def kept(self, known: Dealings) -> Kept:
        """What is kept of a machine for when something changes."""
        if known.kept is None:
            known.kept = read_kept(self.db, [known.number])[known.number]
        return known.kept

    def add_evidence(
        self, known: Dealings, absorbed: Absorbed, at: datetime, catalog: Catalog
    ) -> bytes | None:
        """Keep the evidence of a few changed results; a line to add to what stands beside the whole."""
        lines, line = self.kept(known).lines, packed.line(absorbed.evidence)
        if lines >= 0 and lines + len(line) <= MOST_SINCE:
            return line
        whole, since = self._columns(known)
        # Half must be free then: else this is done at every report.
        body = packed.shortened(since, line, MOST_SINCE // 2)
        if body is not None:
            self.db.run(_WRITE_LINES, (known.number, body))
            return None
        body = packed.merged([whole, since], absorbed.evidence, catalog.checks)
        self._save_whole(known.number, body, at)
        return None

    def save_evidence(
        self, known: Dealings, absorbed: Absorbed, at: datetime, catalog: Catalog
    ) -> None:
        """Rewrite evidence when something telling in it changed, or once a day."""
        telling = _telling(absorbed.evidence, catalog)
        kept = self.kept(known)
        same = not absorbed.changed and not kept.lines and kept.telling == telling
        if same and self.fresh(known, at):
            return
        columns: Sequence[bytes] = ()
        if known.evidence_at is not None and not absorbed.evidence.keys() >= catalog.checks.keys():
            columns = self._columns(known)
        body = packed.merged(columns, absorbed.evidence, catalog.checks)
        self._save_whole(known.number, body, at, telling)

    def _columns(self, known: Dealings) -> tuple[bytes, bytes]:
        """The whole of a machine's evidence, and what stands beside it; empty where there is none."""
        row = self.db.one(
            "SELECT e.body, v.body FROM machine m LEFT JOIN evidence e ON e.machine = m.number"
            " LEFT JOIN evidence_since v ON v.machine = m.number WHERE m.number = ?",
            (known.number,),
        )
        whole, since = row or (None, None)
        return whole or b"", since or b""

    def _save_whole(self, number: int, body: bytes, at: datetime, telling: bytes = b"") -> None:
        self.db.run(
            "INSERT INTO evidence (machine, digest, stored_at, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (machine) DO UPDATE SET digest = excluded.digest,"
            " stored_at = excluded.stored_at, body = excluded.body",
            (number, telling, instant(at), body),
        )
        self.db.run("DELETE FROM evidence_since WHERE machine = ?", (number,))


def _telling(evidence: Mapping[str, Evidence], catalog: Catalog) -> bytes:
    return packed.digest(
        [
            (id_, packed.telling(catalog.checks[id_], each.rows) or each.details)
            for id_, each in evidence.items()
        ]
    )
