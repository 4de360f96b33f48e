"""Keep evidence: whole once a day, and beside it what changed since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from controller.model.report import Evidence
from controller.scoring.absorb import Absorbed, Catalog
from controller.store import evidence as packed
from controller.store.columns import instant
from controller.store.context import Context
from controller.store.dealings import Dealings

_REWRITE: Final = timedelta(days=1) // timedelta(microseconds=1)
WRITE_SINCE: Final = (
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

    def add_evidence(
        self, known: Dealings, absorbed: Absorbed, at: datetime, catalog: Catalog
    ) -> bytes | None:
        """Keep the evidence of a few changed results; what is to stand beside the whole."""
        body = packed.added(known.since, absorbed.evidence, MOST_SINCE)
        if body is not None:
            return body
        row = self.db.one("SELECT body FROM evidence WHERE machine = ?", (known.number,))
        columns = [each for each in (row[0] if row else None, known.since) if each]
        whole = packed.merged(columns, absorbed.evidence, catalog.checks)
        self._save_whole(known.number, whole, at)
        return None

    def save_evidence(
        self, known: Dealings, absorbed: Absorbed, at: datetime, catalog: Catalog
    ) -> None:
        """Rewrite evidence when something telling in it changed, or once a day."""
        telling = _telling(absorbed.evidence, catalog)
        same = not absorbed.changed and known.since is None and known.telling == telling
        if same and self.fresh(known, at):
            return
        columns: list[bytes] = []
        if known.evidence_at is not None and not absorbed.evidence.keys() >= catalog.checks.keys():
            row = self.db.one("SELECT body FROM evidence WHERE machine = ?", (known.number,))
            columns = [each for each in (row[0] if row else None, known.since) if each]
        body = packed.merged(columns, absorbed.evidence, catalog.checks)
        self._save_whole(known.number, body, at, telling)

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
